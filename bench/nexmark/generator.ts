import { SeededRandom } from '../reference-events.ts';

/**
 * Events of an online auction after the generator of github.com/nexmark/nexmark (its defaults, read as a specification): of 50 events
 * one is a person, three are auctions and 46 are bids; half of the bids go to a hot auction, three of four come from a hot bidder.
 */
export interface NexmarkOptions {
  readonly seed: number;
  readonly events: number;
  /** Events a second of event time: how dense windows are. The generator's default is 10,000. */
  readonly eventsPerSecond: number;
}

export const NEXMARK_START_MS = Date.UTC(2015, 6, 15);
const PERSON_SHARE = 1;
const AUCTION_SHARE = 3;
const EVENTS_PER_ROUND = 50;
const FIRST_ID = 1000;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;
const HOT_BATCH = 100;
const HOT_AUCTION_RATIO = 2;
const HOT_BIDDER_RATIO = 4;
const HOT_SELLER_RATIO = 4;
const HOT_CHANNEL_RATIO = 2;
const AUCTIONS_IN_FLIGHT = 100;
const ACTIVE_PEOPLE = 1000;
const ID_LEAD = 10;
const CHANNELS = 10_000;
const PERSON_BYTES = 200;
const AUCTION_BYTES = 500;
const BID_BYTES = 100;
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'] as const;
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'] as const;
const CITIES = [
  'Phoenix',
  'Los Angeles',
  'San Francisco',
  'Boise',
  'Portland',
  'Bend',
  'Redmond',
  'Seattle',
  'Kent',
  'Cheyenne',
] as const;
const FIRST_NAMES = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gil', 'Hana', 'Ivo', 'June', 'Kay'] as const;
const LAST_NAMES = ['Archer', 'Baker', 'Carter', 'Dyer', 'Fisher', 'Glover', 'Hunter', 'Mason', 'Weaver'] as const;

export const EVENT_TYPE = { person: 0, auction: 1, bid: 2 } as const;

/** The events as JSON texts, in order of event time. */
export function* nexmarkEvents(options: NexmarkOptions): Generator<string> {
  const generator = new NexmarkGenerator(options);
  for (let number = 0; number < options.events; number++) yield generator.event(number);
}

class NexmarkGenerator {
  readonly #random: SeededRandom;
  readonly #stepMs: number;
  readonly #channels: readonly { readonly channel: string; readonly url: string }[];
  readonly #hot: readonly { readonly channel: string; readonly url: string }[];

  constructor(options: NexmarkOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#stepMs = 1000 / options.eventsPerSecond;
    this.#hot = HOT_CHANNELS.map((channel) => ({ channel, url: this.#url() }));
    this.#channels = Array.from({ length: CHANNELS }, (_, index) => {
      const url = this.#url();
      const isTagged = this.#random.below(10) > 0;
      return { channel: `channel-${index}`, url: isTagged ? `${url}&channel_id=${reversedBits(index)}` : url };
    });
  }

  event(number: number): string {
    const timeMs = NEXMARK_START_MS + Math.floor(number * this.#stepMs);
    const time = JSON.stringify(new Date(timeMs).toISOString());
    const place = number % EVENTS_PER_ROUND;
    if (place < PERSON_SHARE) return `{"event_type":0,"date_time":${time},"person":${this.#person(number)}}`;
    if (place < PERSON_SHARE + AUCTION_SHARE) {
      return `{"event_type":1,"date_time":${time},"auction":${this.#auction(number, timeMs)}}`;
    }
    return `{"event_type":2,"date_time":${time},"bid":${this.#bid(number)}}`;
  }

  #person(number: number): string {
    const random = this.#random;
    const name = `${this.#one(FIRST_NAMES)} ${this.#one(LAST_NAMES)}`;
    const email_address = `${this.#words(7)}@${this.#words(5)}.com`;
    const groups = Array.from({ length: 4 }, () => String(random.below(10_000)).padStart(4, '0'));
    const person = {
      id: lastPerson(number) + FIRST_ID,
      name,
      email_address,
      credit_card: groups.join(' '),
      city: this.#one(CITIES),
      state: this.#one(STATES),
    };
    const used = 8 + name.length + email_address.length + 19 + person.city.length + person.state.length;
    return JSON.stringify({ ...person, extra: this.#extra(used, PERSON_BYTES) });
  }

  #auction(number: number, timeMs: number): string {
    const random = this.#random;
    const isHot = random.below(HOT_SELLER_RATIO) > 0;
    const seller = isHot ? firstOfBatch(lastPerson(number)) : this.#activePerson(number);
    const initial_bid = this.#price();
    // An auction is open for as long as it takes for those in flight to be made, on average.
    const horizonMs = ((AUCTIONS_IN_FLIGHT * EVENTS_PER_ROUND) / AUCTION_SHARE) * this.#stepMs;
    const item_name = this.#words(20);
    const description = this.#words(100);
    const auction = {
      id: lastAuction(number) + FIRST_ID,
      item_name,
      description,
      initial_bid,
      reserve: initial_bid + this.#price(),
      expires: new Date(timeMs + 1 + random.below(Math.max(1, Math.floor(horizonMs * 2)))).toISOString(),
      seller: seller + FIRST_ID,
      category: FIRST_CATEGORY + random.below(CATEGORIES),
    };
    const used = 8 + item_name.length + description.length + 40;
    return JSON.stringify({ ...auction, extra: this.#extra(used, AUCTION_BYTES) });
  }

  #bid(number: number): string {
    const random = this.#random;
    const last = lastAuction(number);
    const isHotAuction = random.below(HOT_AUCTION_RATIO) > 0;
    const least = Math.max(0, last - AUCTIONS_IN_FLIGHT);
    const auction = isHotAuction ? firstOfBatch(last) : least + random.below(last - least + 1 + ID_LEAD);
    const isHotBidder = random.below(HOT_BIDDER_RATIO) > 0;
    const bidder = isHotBidder ? firstOfBatch(lastPerson(number)) + 1 : this.#activePerson(number);
    const price = this.#price();
    const isHotChannel = random.below(HOT_CHANNEL_RATIO) > 0;
    const { channel, url } = this.#one(isHotChannel ? this.#hot : this.#channels);
    const extra = this.#extra(32, BID_BYTES);
    return JSON.stringify({ auction: auction + FIRST_ID, bidder: bidder + FIRST_ID, price, channel, url, extra });
  }

  #activePerson(number: number): number {
    const people = lastPerson(number) + 1;
    const active = Math.min(people, ACTIVE_PEOPLE);
    return people - active + this.#random.below(active + ID_LEAD);
  }

  /** Log-uniform between 1 and 1,000,000, in cents. */
  #price(): number {
    return Math.round(10 ** (this.#random.unit() * 6) * 100);
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[this.#random.below(items.length)]!;
  }

  #letter(): string {
    return String.fromCharCode(97 + this.#random.below(26));
  }

  /** Letters with a space now and then. */
  #words(lengthMax: number): string {
    const length = 3 + this.#random.below(lengthMax - 3);
    let text = '';
    for (let i = 0; i < length; i++) text += this.#random.below(13) === 0 ? ' ' : this.#letter();
    return text.trim();
  }

  #url(): string {
    const part = (): string => Array.from({ length: 5 }, () => this.#letter()).join('');
    return `https://www.nexmark.com/${part()}/${part()}/${part()}/item.htm?query=1`;
  }

  /** Letters that fill a record to its size, more or less. */
  #extra(used: number, wanted: number): string {
    if (used > wanted) return '';
    const rest = wanted - used;
    const spread = Math.round(rest * 0.2);
    const length = rest - spread + (spread === 0 ? 0 : this.#random.below(2 * spread));
    let text = '';
    while (text.length < length) {
      let bits = this.#random.next();
      for (let i = 0; i < 6 && text.length < length; i++) {
        text += String.fromCharCode(97 + (bits % 26));
        bits = Math.floor(bits / 26);
      }
    }
    return text;
  }
}

/** The person made last before event `number`, from 0. */
function lastPerson(number: number): number {
  return Math.floor(number / EVENTS_PER_ROUND);
}

/** The auction made last before (or by) event `number`, from 0. */
function lastAuction(number: number): number {
  const round = Math.floor(number / EVENTS_PER_ROUND);
  const place = number % EVENTS_PER_ROUND;
  if (place < PERSON_SHARE) return Math.max(0, round * AUCTION_SHARE - 1);
  return round * AUCTION_SHARE + Math.min(place - PERSON_SHARE, AUCTION_SHARE - 1);
}

function firstOfBatch(id: number): number {
  return Math.floor(id / HOT_BATCH) * HOT_BATCH;
}

function reversedBits(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 31; bit++) reversed = reversed * 2 + ((value >>> bit) & 1);
  return reversed;
}
