// SPDX-License-Identifier: Apache-2.0
// Numbers as text.

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

export const count = (value) => (Number.isFinite(value) ? whole.format(value) : '–');

export const compact = (value) => (Number.isFinite(value) ? short.format(value) : '–');

/** Three significant digits; an exponent below 0.0001 and from a million on. */
export function digits(value) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6) return value.toExponential(2);
  return size >= 1000 ? whole.format(Math.round(value)) : value.toPrecision(3);
}

/** A tick's label: as short as it is exact. */
export const tick = (value) => (Math.abs(value) >= 1e4 ? compact(value) : String(Number(value.toPrecision(4))));

export const percent = (part) => `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`;

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** 10 to a whole power, as 10⁻³. */
export function power(exponent) {
  if (exponent === 0) return '1';
  return '10' + String(exponent).replace(/./g, (c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]));
}
