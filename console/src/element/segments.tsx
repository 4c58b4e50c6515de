export interface Segment<Value extends string> {
  readonly value: Value;
  readonly text: string;
  readonly tally?: string;
}

/** One choice of a few, as a row of radio buttons. */
export function Segments<Value extends string>(props: {
  readonly label: string;
  readonly name: string;
  readonly value: Value;
  readonly options: readonly Segment<Value>[];
  readonly onChange: (value: Value) => void;
}) {
  return (
    <div class="segments" role="radiogroup" aria-label={props.label}>
      {props.options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={props.name}
            value={option.value}
            checked={option.value === props.value}
            onChange={() => props.onChange(option.value)}
          />
          {option.text}
          {option.tally !== undefined && <span class="tally">{option.tally}</span>}
        </label>
      ))}
    </div>
  );
}
