const PATHS = {
  overview: 'M3 17V9m5 8V4m5 13v-6m5 6V7',
  pipeline: 'M3 5h5v4H3zM3 13h5v4H3zM14 9h5v4h-5zM8 7c4 0 2 4 6 4M8 15c4 0 2-4 6-4',
  tables: 'M3 4h15v13H3zM3 8.5h15M3 12.7h15M9 8.5V17',
  sql: 'm4 6 4 4.5L4 15m6.5 1H17',
  alerts: 'M10.5 3a5 5 0 0 0-5 5c0 5-2 6-2 6h14s-2-1-2-6a5 5 0 0 0-5-5zm-2 14a2.2 2.2 0 0 0 4 0',
  'dead-letters': 'M3 5h15v11H3zM3 6l7.5 5.500L18 6',
  topics: 'M3 5h15M3 10.500h15M3 16h9',
  sun: 'M10.5 7a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10.5 2v2m0 13v2M2 10.500h2m13 0h2M4.5 4.5 6 6m9 9 1.5 1.500m0-12L15 6m-9 9-1.5 1.5',
  moon: 'M17 12.500A7 7 0 0 1 8.5 4a7 7 0 1 0 8.5 8.500z',
  copy: 'M7 7h10v10H7zM4 13V4h9',
  pause: 'M7 4v13M14 4v13',
  play: 'm6 4 10 6.500L6 17z',
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration only: what it stands beside says the same in words. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg viewBox="0 0 21 21" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

/** A channel that turns a wheel. */
export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M2 8h13c3 0 4 2 4 4.5" fill="none" stroke="#7fdbe3" stroke-width="3" stroke-linecap="round" />
      <g fill="none" stroke="#e9b765" stroke-width="2.2" stroke-linecap="round">
        <circle cx="19" cy="20" r="6" />
        <path d="M19 12v16M11 20h16M13.3 14.300l11.4 11.400M24.7 14.3 13.3 25.7" />
      </g>
    </svg>
  );
}
