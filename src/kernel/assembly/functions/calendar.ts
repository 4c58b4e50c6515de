// Proleptic Gregorian calendar over days since 1970-01-01 (after H. Hinnant, chrono-compatible low-level date algorithms).

let year: i32 = 0;
let month: i32 = 0;
let day: i32 = 0;

@inline
function floorDiv(a: i32, b: i32): i32 {
  const q = a / b;
  return q * b > a ? q - 1 : q;
}

@inline
export function civilYear(): i32 {
  return year;
}

@inline
export function civilMonth(): i32 {
  return month;
}

@inline
export function civilDay(): i32 {
  return day;
}

/** Sets year, month and day. */
export function splitDays(days: i32): void {
  const z = days + 719_468;
  const era = floorDiv(z, 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const shifted = (5 * dayOfYear + 2) / 153;
  month = shifted < 10 ? shifted + 3 : shifted - 9;
  year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  day = dayOfYear - (153 * shifted + 2) / 5 + 1;
}

export function daysOf(y: i32, m: i32, d: i32): i32 {
  if (m <= 2) y--;
  const era = floorDiv(y, 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468;
}

function daysInMonth(y: i32, m: i32): i32 {
  if (m == 2) return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 ? 29 : 28;
  return m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31;
}

/** Monday is 1, Sunday 7. 1970-01-01 was a Thursday. */
function isoDayOfWeek(days: i32): i32 {
  const rest = (days + 3) % 7;
  return (rest < 0 ? rest + 7 : rest) + 1;
}

/** Adds months; a day that the new month does not have becomes its last. */
export function addMonths(days: i32, months: i32): i32 {
  splitDays(days);
  const total = year * 12 + (month - 1) + months;
  const newYear = floorDiv(total, 12);
  const newMonth = total - newYear * 12 + 1;
  return daysOf(newYear, newMonth, min(day, daysInMonth(newYear, newMonth)));
}

/** First day of the unit that a day lies in: 0 week, 1 month, 2 quarter, 3 year, 4 decade, 5 century, 6 millennium. */
export function truncateDays(days: i32, unit: i32): i32 {
  if (unit == 0) return days - (isoDayOfWeek(days) - 1);
  splitDays(days);
  switch (unit) {
    case 1:
      return daysOf(year, month, 1);
    case 2:
      return daysOf(year, month - (month - 1) % 3, 1);
    case 3:
      return daysOf(year, 1, 1);
    case 4:
      return daysOf(floorDiv(year, 10) * 10, 1, 1);
    case 5:
      return daysOf(floorDiv(year - 1, 100) * 100 + 1, 1, 1);
    default:
      return daysOf(floorDiv(year - 1, 1000) * 1000 + 1, 1, 1);
  }
}

/**
 * A field of a date: 0 day, 1 month, 2 year, 3 quarter, 4 dow, 5 isodow, 6 doy, 7 week, 8 isoyear, 9 decade, 10 century,
 * 11 millennium. There is no year 0: 1 BC is year -1.
 */
export function dateField(days: i32, field: i32): i32 {
  if (field == 4) return isoDayOfWeek(days) % 7;
  if (field == 5) return isoDayOfWeek(days);
  if (field == 7 || field == 8) {
    const thursday = days - isoDayOfWeek(days) + 4;
    splitDays(thursday);
    if (field == 8) return year <= 0 ? year - 1 : year;
    return (thursday - daysOf(year, 1, 1)) / 7 + 1;
  }
  splitDays(days);
  switch (field) {
    case 0:
      return day;
    case 1:
      return month;
    case 2:
      return year <= 0 ? year - 1 : year;
    case 3:
      return (month - 1) / 3 + 1;
    case 6:
      return days - daysOf(year, 1, 1) + 1;
    case 9:
      return floorDiv(year, 10);
    case 10:
      return year > 0 ? floorDiv(year + 99, 100) : floorDiv(year, 100) - 1;
    default:
      return year > 0 ? floorDiv(year + 999, 1000) : floorDiv(year, 1000) - 1;
  }
}
