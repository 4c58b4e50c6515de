/** One query of Nexmark in Headrace's SQL, and the same question as DuckDB answers it over all events at once. */
export interface NexmarkQuery {
  readonly name: string;
  readonly title: string;
  /** Makes the view `result`. */
  readonly sql: string;
  /** Over the tables `person`, `auction` and `bid` (with `n`, the number of the event); columns in the order of the view's. */
  readonly oracle: string;
  /** Throughput of Flink 1.13 per core as published with the benchmark, events/s; undefined where it cannot run the query. */
  readonly flink: number | undefined;
  /** Says what differs from the published text of the query. */
  readonly note?: string;
}

/** The source, and the three relations that the queries read. */
export const NEXMARK_SOURCES = `
CREATE SOURCE nexmark (
  event_type int, date_time timestamptz NOT NULL,
  p_id int8 FROM '$.person.id', p_name text FROM '$.person.name', p_email text FROM '$.person.email_address',
  p_card text FROM '$.person.credit_card', p_city text FROM '$.person.city', p_state text FROM '$.person.state',
  p_extra text FROM '$.person.extra',
  a_id int8 FROM '$.auction.id', a_item text FROM '$.auction.item_name', a_description text FROM '$.auction.description',
  a_initial int8 FROM '$.auction.initial_bid', a_reserve int8 FROM '$.auction.reserve',
  a_expires timestamptz FROM '$.auction.expires', a_seller int8 FROM '$.auction.seller',
  a_category int8 FROM '$.auction.category', a_extra text FROM '$.auction.extra',
  b_auction int8 FROM '$.bid.auction', b_bidder int8 FROM '$.bid.bidder', b_price int8 FROM '$.bid.price',
  b_channel text FROM '$.bid.channel', b_url text FROM '$.bid.url', b_extra text FROM '$.bid.extra',
  WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds'
) WITH (topic = 'nexmark', format = 'json');

CREATE VIEW person AS SELECT p_id AS id, p_name AS name, p_email AS email_address, p_card AS credit_card, p_city AS city,
  p_state AS state, date_time, p_extra AS extra FROM nexmark WHERE event_type = 0;
CREATE VIEW auction AS SELECT a_id AS id, a_item AS item_name, a_description AS description, a_initial AS initial_bid,
  a_reserve AS reserve, date_time, a_expires AS expires, a_seller AS seller, a_category AS category, a_extra AS extra
  FROM nexmark WHERE event_type = 1;
CREATE VIEW bid AS SELECT b_auction AS auction, b_bidder AS bidder, b_price AS price, b_channel AS channel, b_url AS url,
  date_time, b_extra AS extra FROM nexmark WHERE event_type = 2;
`;

/** Reads the events into the three tables; `FILE` stands for the NDJSON. */
export const NEXMARK_ORACLE_TABLES = `
CREATE TABLE events AS SELECT *, row_number() OVER () AS n FROM read_json('FILE', format = 'newline_delimited', columns = {
  event_type: 'INT', date_time: 'TIMESTAMP',
  person: 'STRUCT(id BIGINT, name VARCHAR, email_address VARCHAR, credit_card VARCHAR, city VARCHAR, state VARCHAR, extra VARCHAR)',
  auction: 'STRUCT(id BIGINT, item_name VARCHAR, description VARCHAR, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMP, seller BIGINT, category BIGINT, extra VARCHAR)',
  bid: 'STRUCT(auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, extra VARCHAR)'});
CREATE TABLE person AS SELECT unnest(person), date_time, n FROM events WHERE event_type = 0;
CREATE TABLE auction AS SELECT unnest(auction), date_time, n FROM events WHERE event_type = 1;
CREATE TABLE bid AS SELECT unnest(bid), date_time, n FROM events WHERE event_type = 2;
CREATE MACRO iso(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ');
CREATE MACRO tumble(t, s) AS time_bucket(to_seconds(s), t, TIMESTAMP '2000-01-01');
`;

const view = (query: string): string => `CREATE MATERIALIZED VIEW result AS ${query};`;
const DAY = `to_char(date_time, 'YYYY-MM-DD')`;
const ORACLE_DAY = `strftime(date_time, '%Y-%m-%d')`;
const HOT_HOP = `SELECT auction, count(*) AS num, window_start, window_end
  FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds') GROUP BY auction, window_start, window_end`;
const OPEN = 'b.auction = a.id AND b.date_time BETWEEN a.date_time AND a.expires';
const RANKS = (what: string): string => `count(${what}) AS total,
  count(${what}) FILTER (WHERE price < 10000) AS rank1,
  count(${what}) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2,
  count(${what}) FILTER (WHERE price >= 1000000) AS rank3`;
const named = (what: string, suffix: string): string =>
  RANKS(what).replaceAll(/AS (total|rank\d)/g, (_, name: string) => `AS ${name}_${suffix}`);
const STATISTICS = `${named('*', 'bids')}, ${named('DISTINCT bidder', 'bidders')}, ${named('DISTINCT auction', 'auctions')}`;
const IS_TAGGED = `(regexp_match(url, '(?:&|^)channel_id=([^&]*)'))[1]`;
const CHANNEL_CASE = (otherwise: string): string => `CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1'
  WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3' ELSE ${otherwise} END`;

export const NEXMARK_QUERIES: readonly NexmarkQuery[] = [
  {
    name: 'q0',
    title: 'pass through',
    sql: view('SELECT auction, bidder, price, date_time, extra FROM bid'),
    oracle: 'SELECT auction, bidder, price, iso(date_time), extra FROM bid',
    flink: 155_020,
  },
  {
    name: 'q1',
    title: 'currency conversion',
    sql: view('SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid'),
    oracle: 'SELECT auction, bidder, 0.908 * price, iso(date_time), extra FROM bid',
    flink: 157_940,
  },
  {
    name: 'q2',
    title: 'selection',
    sql: view('SELECT auction, price FROM bid WHERE mod(auction, 123) = 0'),
    oracle: 'SELECT auction, price FROM bid WHERE auction % 123 = 0',
    flink: 175_210,
  },
  {
    name: 'q3',
    title: 'local item suggestion',
    sql: view(`SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
      WHERE a.category = 10 AND (p.state = 'OR' OR p.state = 'ID' OR p.state = 'CA')`),
    oracle: `SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
      WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')`,
    flink: 152_120,
  },
  {
    name: 'q4',
    title: 'average price for a category',
    sql: view(`SELECT q.category, avg(q.final) AS mean FROM (
        SELECT max(b.price) AS final, a.category, a.id FROM auction a, bid b WHERE ${OPEN} GROUP BY a.id, a.category
      ) q GROUP BY q.category`),
    oracle: `SELECT category, avg(final) FROM (
        SELECT max(b.price) AS final, a.category FROM auction a, bid b WHERE ${OPEN} GROUP BY a.id, a.category
      ) GROUP BY category`,
    flink: 34_330,
  },
  {
    name: 'q5',
    title: 'hot items',
    sql: view(`SELECT c.auction, c.num, c.window_start FROM (${HOT_HOP}) c JOIN (
        SELECT max(num) AS most, window_start, window_end FROM (${HOT_HOP}) h GROUP BY window_start, window_end
      ) m ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.most`),
    oracle: `WITH c AS (
        SELECT auction, count(*) AS num, w FROM (
          SELECT auction, tumble(date_time, 2) - to_seconds(2 * k) AS w FROM bid, range(5) r(k)
        ) GROUP BY auction, w)
      SELECT auction, num, iso(w) FROM c WHERE num = (SELECT max(num) FROM c m WHERE m.w = c.w)`,
    flink: 22_140,
    note: 'with the start of the window in the result, so that its rows can be told apart',
  },
  {
    name: 'q6',
    title: 'average selling price by seller',
    sql: view(`SELECT seller, id, avg(final) OVER (PARTITION BY seller ORDER BY date_time, id
          ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS mean
      FROM (SELECT a.seller, a.id, b.price AS final, b.date_time,
          row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time) AS n
        FROM auction a, bid b WHERE ${OPEN}) q WHERE n <= 1`),
    oracle: `SELECT seller, id, avg(final) OVER (PARTITION BY seller ORDER BY date_time, id
          ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
      FROM (SELECT a.seller, a.id, b.price AS final, b.date_time FROM auction a, bid b WHERE ${OPEN}
        QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.n) = 1)`,
    flink: undefined,
    note: 'the winning bid by ROW_NUMBER, since the published text is not valid SQL; with the id of the auction',
  },
  {
    name: 'q7',
    title: 'highest bid',
    sql: view(`SELECT b.auction, b.price, b.bidder, b.date_time, b.extra FROM bid b JOIN (
        SELECT max(price) AS most, window_end FROM TUMBLE(bid, date_time, INTERVAL '10 seconds') GROUP BY window_start, window_end
      ) m ON b.price = m.most AND b.date_time BETWEEN m.window_end - INTERVAL '10 seconds' AND m.window_end`),
    oracle: `SELECT b.auction, b.price, b.bidder, iso(b.date_time), b.extra FROM bid b JOIN (
        SELECT max(price) AS most, tumble(date_time, 10) + to_seconds(10) AS e FROM bid GROUP BY e
      ) m ON b.price = m.most AND b.date_time BETWEEN m.e - to_seconds(10) AND m.e`,
    flink: 12_330,
  },
  {
    name: 'q8',
    title: 'monitor new users',
    sql: view(`SELECT p.id, p.name, p.window_start FROM (
        SELECT id, name, window_start, window_end FROM TUMBLE(person, date_time, INTERVAL '10 seconds')
        GROUP BY id, name, window_start, window_end
      ) p JOIN (
        SELECT seller, window_start, window_end FROM TUMBLE(auction, date_time, INTERVAL '10 seconds')
        GROUP BY seller, window_start, window_end
      ) a ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end`),
    oracle: `SELECT DISTINCT p.id, p.name, iso(tumble(p.date_time, 10)) FROM person p JOIN auction a
      ON p.id = a.seller AND tumble(p.date_time, 10) = tumble(a.date_time, 10)`,
    flink: 146_140,
  },
  {
    name: 'q9',
    title: 'winning bids',
    sql: view(`SELECT id, item_name, initial_bid, seller, category, auction, bidder, price, bid_time FROM (
        SELECT a.id, a.item_name, a.initial_bid, a.seller, a.category, b.auction, b.bidder, b.price, b.date_time AS bid_time,
          row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time) AS n
        FROM auction a, bid b WHERE ${OPEN}) q WHERE n <= 1`),
    oracle: `SELECT a.id, a.item_name, a.initial_bid, a.seller, a.category, b.auction, b.bidder, b.price, iso(b.date_time)
      FROM auction a, bid b WHERE ${OPEN}
      QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.n) = 1`,
    flink: 14_240,
    note: 'without the long texts of the auction',
  },
  {
    name: 'q10',
    title: 'log to file system',
    sql: view(
      `SELECT auction, bidder, price, date_time, extra, ${DAY} AS day, to_char(date_time, 'HH24:MI') AS minute FROM bid`,
    ),
    oracle: `SELECT auction, bidder, price, iso(date_time), extra, ${ORACLE_DAY}, strftime(date_time, '%H:%M') FROM bid`,
    flink: 57_810,
    note: 'the rows; not the files',
  },
  {
    name: 'q11',
    title: 'user sessions',
    sql: view(`SELECT bidder, count(*) AS bids, window_start, window_end
      FROM SESSION(bid, date_time, INTERVAL '10 seconds') GROUP BY bidder, window_start, window_end`),
    oracle: `SELECT bidder, count(*), iso(min(date_time)), iso(max(date_time) + to_seconds(10)) FROM (
        SELECT *, sum(starts) OVER (PARTITION BY bidder ORDER BY date_time, n) AS session FROM (
          SELECT *, CASE WHEN date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time, n) <= to_seconds(10)
            THEN 0 ELSE 1 END AS starts FROM bid)
      ) GROUP BY bidder, session`,
    flink: 39_700,
  },
  {
    name: 'q12',
    title: 'processing time windows',
    sql: `CREATE VIEW stamped AS SELECT bidder, now() AS p_time FROM bid;
      ${view(`SELECT bidder, count(*) AS bids, window_start FROM TUMBLE(stamped, p_time, INTERVAL '10 seconds') GROUP BY bidder, window_start, window_end`)}`,
    oracle: 'SELECT bidder, count(*), NULL FROM bid GROUP BY bidder',
    flink: 75_670,
    note: 'checked with all windows of the clock taken together',
  },
  {
    name: 'q13',
    title: 'bounded side input join',
    sql: `CREATE VIEW side AS SELECT * FROM generate_series(0, 9999) AS g(key);
      ${view(`SELECT b.auction, b.bidder, b.price, b.date_time, 'side ' || s.key AS value FROM bid b JOIN side s ON mod(b.auction, 10000) = s.key`)}`,
    oracle: `SELECT auction, bidder, price, iso(date_time), 'side ' || (auction % 10000) FROM bid`,
    flink: 130_730,
  },
  {
    name: 'q14',
    title: 'calculation',
    sql: view(`SELECT auction, bidder, 0.908 * price AS price,
        CASE WHEN extract(hour FROM date_time) >= 8 AND extract(hour FROM date_time) <= 18 THEN 'dayTime'
             WHEN extract(hour FROM date_time) <= 6 OR extract(hour FROM date_time) >= 20 THEN 'nightTime'
             ELSE 'otherTime' END AS bid_time_type,
        date_time, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
      FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`),
    oracle: `SELECT auction, bidder, 0.908 * price,
        CASE WHEN hour(date_time) BETWEEN 8 AND 18 THEN 'dayTime' WHEN hour(date_time) <= 6 OR hour(date_time) >= 20
          THEN 'nightTime' ELSE 'otherTime' END,
        iso(date_time), extra, length(extra) - length(replace(extra, 'c', ''))
      FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`,
    flink: 161_230,
    note: 'count_char by length and replace',
  },
  {
    name: 'q15',
    title: 'bidding statistics',
    sql: view(`SELECT ${DAY} AS day, ${STATISTICS} FROM bid GROUP BY ${DAY}`),
    oracle: `SELECT ${ORACLE_DAY}, ${STATISTICS} FROM bid GROUP BY ${ORACLE_DAY}`,
    flink: 72_420,
  },
  {
    name: 'q16',
    title: 'channel statistics',
    sql: view(`SELECT channel, ${DAY} AS day, max(to_char(date_time, 'HH24:MI')) AS minute, ${STATISTICS}
      FROM bid GROUP BY channel, ${DAY}`),
    oracle: `SELECT channel, ${ORACLE_DAY}, max(strftime(date_time, '%H:%M')), ${STATISTICS} FROM bid GROUP BY channel, ${ORACLE_DAY}`,
    flink: 18_650,
  },
  {
    name: 'q17',
    title: 'auction statistics',
    sql: view(`SELECT auction, ${DAY} AS day, ${named('*', 'bids')}, min(price) AS least, max(price) AS most, avg(price) AS mean,
      sum(price) AS sum FROM bid GROUP BY auction, ${DAY}`),
    oracle: `SELECT auction, ${ORACLE_DAY}, ${named('*', 'bids')}, min(price), max(price), avg(price), sum(price)
      FROM bid GROUP BY auction, ${ORACLE_DAY}`,
    flink: 116_800,
  },
  {
    name: 'q18',
    title: 'find last bid',
    sql: view(`SELECT auction, bidder, price, channel, url, date_time, extra FROM (
        SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS n FROM bid) q WHERE n <= 1`),
    oracle: `SELECT auction, bidder, price, channel, url, iso(date_time), extra FROM bid
      QUALIFY row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, bid.n) = 1`,
    flink: 53_700,
  },
  {
    name: 'q19',
    title: 'auction top 10',
    sql: view(`SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rank_number FROM bid) q WHERE rank_number <= 10`),
    oracle: `SELECT auction, bidder, price, channel, url, iso(date_time), extra,
        row_number() OVER (PARTITION BY auction ORDER BY price DESC, bid.n) AS rank_number FROM bid QUALIFY rank_number <= 10`,
    flink: 44_040,
  },
  {
    name: 'q20',
    title: 'expand bid with auction',
    sql: view(`SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.date_time, b.extra, a.item_name, a.description, a.initial_bid,
        a.reserve, a.date_time AS auction_time, a.expires, a.seller, a.category, a.extra AS auction_extra
      FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10`),
    oracle: `SELECT b.auction, b.bidder, b.price, b.channel, b.url, iso(b.date_time), b.extra, a.item_name, a.description, a.initial_bid,
        a.reserve, iso(a.date_time), iso(a.expires), a.seller, a.category, a.extra
      FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10`,
    flink: 18_980,
  },
  {
    name: 'q21',
    title: 'add channel id',
    sql: view(`SELECT auction, bidder, price, channel, ${CHANNEL_CASE(IS_TAGGED)} AS channel_id FROM bid
      WHERE ${IS_TAGGED} IS NOT NULL OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')`),
    oracle: `SELECT auction, bidder, price, channel, ${CHANNEL_CASE(`regexp_extract(url, '(?:&|^)channel_id=([^&]*)', 1)`)} FROM bid
      WHERE regexp_matches(url, '(?:&|^)channel_id=([^&]*)') OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')`,
    flink: 98_490,
  },
  {
    name: 'q22',
    title: 'url directories',
    sql: view(`SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, split_part(url, '/', 5) AS dir2,
      split_part(url, '/', 6) AS dir3 FROM bid`),
    oracle: `SELECT auction, bidder, price, channel, split_part(url, '/', 4), split_part(url, '/', 5), split_part(url, '/', 6) FROM bid`,
    flink: 129_960,
  },
];
