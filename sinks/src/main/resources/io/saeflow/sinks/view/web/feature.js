// SPDX-License-Identifier: Apache-2.0
// One feature: its numbers, plots and token heat maps. While the run goes on it follows the
// estimates, but never redraws what someone is reading with the pointer or the keyboard.

import { get, hasToken, saePath, withQuery } from './api.js';
import { h, say, setText, tokenLabel } from './dom.js';
import { compact, count, digits, power, tick } from './format.js';
import { heatKey, heatMaps } from './heat.js';
import { plot, roundUp, ticks } from './plot.js';

const REFRESH_MS = 4000;
const BARS = 12;

export function featurePage(context, sae, index, onError) {
  const path = `${saePath(sae)}/features/${encodeURIComponent(index)}`;
  const leaving = new AbortController();
  const name = /^\d+$/.test(index) ? count(Number(index)) : index;
  const heading = h('h1', { 'data-testid': 'title' }, `Feature ${name}`);
  const badge = h('span', { class: 'badge', 'data-testid': 'feature-state' });
  const previous = h('a', { class: 'button', rel: 'prev', 'data-testid': 'previous' }, '← Previous');
  const next = h('a', { class: 'button', rel: 'next', 'data-testid': 'next' }, 'Next →');
  const random = h('button', { type: 'button', 'data-testid': 'random', click: () => context.openRandom(sae) }, 'Random');
  const raw = h('a', { class: 'button', href: `${path}/raw`, 'data-native': true, 'data-testid': 'raw',
    click: (event) => hasToken() && openRaw(event) }, 'Raw record');
  const breaks = h('input', { type: 'checkbox', id: 'breaks', 'data-testid': 'line-breaks', change: () => {
    body.classList.toggle('line-breaks', breaks.checked);
    localStorage.setItem('saeflow.breaks', breaks.checked);
  } });

  const slots = Object.fromEntries(['stats', 'tools', 'top', 'aside', 'random'].map((key) =>
    [key, h('div', { class: `slot-${key}` })]));
  const body = h('div', { class: 'feature', 'aria-busy': 'true' }, Object.values(slots));
  breaks.checked = localStorage.getItem('saeflow.breaks') === 'true';
  body.classList.toggle('line-breaks', breaks.checked);
  const known = context.sae(sae);
  const element = h('article', null,
    h('header', { class: 'hero' },
      h('div', null,
        h('p', { class: 'crumbs' }, h('a', { href: context.home }, 'Overview'), ' / ', sae, known ? ` / ${known.hook}` : ''),
        h('div', { class: 'titled' }, heading, badge)),
      h('nav', { class: 'steps', 'aria-label': 'Features' }, previous, next, random, raw)),
    body);

  const plots = asidePlots();
  const shown = { top: undefined, random: undefined };
  let record = null;
  let timer = null;

  async function load() {
    timer = null;
    try {
      const loaded = await get(path, leaving.signal);
      if (record === null || loaded.tokens !== record.tokens || loaded.complete !== record.complete) draw(loaded);
    } catch (error) {
      if (error.name === 'AbortError' || record !== null) return;
      if (error.status !== 404 || context.run.complete || !(here < known?.latents)) onError(error);
      else slots.stats.replaceChildren(h('p', { class: 'empty', 'data-testid': 'pending' }, 'Nothing counted yet. The page fills by itself.'));
    }
  }

  function draw(loaded) {
    const firstTime = record === null;
    record = loaded;
    body.removeAttribute('aria-busy');
    steps(record.previous, record.next);
    setText(badge, record.complete ? 'complete' : 'still counting');
    badge.dataset.state = record.complete ? 'complete' : 'running';
    slots.stats.replaceChildren(stats(record));
    plots.set(record, sae);
    if (firstTime) slots.aside.append(plots.element);
    const max = Math.max(0, ...[...record.top, ...record.random].flatMap((row) => row.activations));
    if (firstTime || !inUse(slots.tools)) {
      slots.tools.replaceChildren(max > 0 ? heatKey(max) : '',
        h('label', { class: 'switch' }, breaks, 'Line breaks'));
    }
    drawRows('top', 'Top activations', 'the strongest, over all documents', max, firstTime);
    drawRows('random', 'Random activations', 'drawn evenly from where it fires', max, firstTime);
  }

  function drawRows(key, title, note, max, force) {
    if (!force && inUse(slots[key])) return;
    slots[key].replaceChildren(heatMaps({ id: key, title, note, rows: record[key], max, empty: silence(record), shown: shown[key],
      onShown: (number) => { shown[key] = number; } }));
  }

  const inUse = (slot) => slot.matches(':hover') || slot.contains(document.activeElement);

  function steps(before, after) {
    for (const [link, target] of [[previous, before], [next, after]]) {
      if (target === null || target === undefined) {
        link.removeAttribute('href');
        link.setAttribute('aria-disabled', 'true');
      } else {
        link.href = context.featureUrl(sae, target);
        link.removeAttribute('aria-disabled');
      }
    }
  }

  // A link cannot carry the token, so the record is fetched and opened from memory.
  async function openRaw(event) {
    event.preventDefault();
    const text = JSON.stringify(await get(`${path}/raw`), null, 2);
    open(URL.createObjectURL(new Blob([text], { type: 'application/json' })));
  }

  // The neighbours are known before the record is, so that a held arrow key does not stutter.
  const here = Number(index);
  steps(here > 0 ? here - 1 : null, here + 1 < known?.latents ? here + 1 : null);
  load();
  return {
    element,
    title: `Feature ${name}`,
    sae: () => sae,
    leave() {
      leaving.abort();
      clearTimeout(timer);
    },
    onEvent(event, data) {
      const ours = (event === 'features' && data.sae === sae) || (event === 'progress' && data.complete);
      if (ours && timer === null && !leaving.signal.aborted) timer = setTimeout(load, REFRESH_MS);
    },
    onKey(event) {
      const link = { ArrowLeft: previous, ArrowRight: next }[event.key];
      if (!link?.hasAttribute('href')) return;
      event.preventDefault();
      say(link === next ? 'Next feature' : 'Previous feature');
      context.go(link.href);
    },
  };
}

/** Why there is nothing to show. */
const silence = ({ active, complete }) =>
  (active > 0 ? 'None was kept.' : complete ? 'It never fired.' : 'It has not fired yet.');

function stats(record) {
  const entries = [
    ['density', 'Density', digits(record.density), `${count(record.active)} of ${compact(record.tokens)}`],
    ['max', 'Maximum', digits(record.max), 'strongest activation'],
    ['mean-active', 'Mean when active', digits(record.meanActive), 'over active tokens'],
    ['mean', 'Mean', digits(record.mean), 'over all tokens'],
    ['mean-square', 'Mean square', digits(record.meanSquare), 'over all tokens'],
    ['skew', 'Skew', digits(record.skew), 'third moment'],
    ['kurtosis', 'Kurtosis', digits(record.kurtosis), 'fourth moment'],
  ];
  return h('dl', { class: 'tiles', 'data-testid': 'stats' }, entries.map(([id, label, value, note]) =>
    h('div', { class: 'tile', 'data-testid': `stat-${id}` }, h('dt', null, label), h('dd', { class: 'big' }, value),
      h('dd', { class: 'note' }, note))));
}

/** The plots beside the heat maps; kept over refreshes, so that a cursor stays where it is. */
function asidePlots() {
  const histogram = plot({ id: 'plot-histogram', title: 'Activations', note: 'tokens a bin, log scale' });
  const tokens = h('section', { class: 'card', id: 'top-tokens', 'data-testid': 'top-tokens' });
  const labels = h('div', { class: 'labels' });
  const settled = plot({ id: 'plot-history', title: 'How the estimate settled', note: 'density over tokens seen', height: 160 });
  const byField = new Map();
  return {
    element: h('div', { class: 'aside' }, histogram.element, tokens, labels, settled.element),
    set(record, sae) {
      histogram.set(record.active > 0 ? histogramData(record.histogram) : { empty: silence(record) });
      tokens.replaceChildren(...topTokens(record, sae));
      for (const entry of record.labels ?? []) {
        if (!byField.has(entry.field)) {
          byField.set(entry.field, isNumeric(entry) ? linePlot(entry) : barPlot(entry));
          labels.append(byField.get(entry.field).element);
        }
        byField.get(entry.field).set(entry, record);
      }
      settled.set(record.active > 0 ? historyData(record) : { empty: silence(record) });
    },
  };
}

/** Bin b counts activations above (b − 1) · width, up to and with b · width. */
function histogramData({ binWidth, bins, counts }) {
  const last = Math.max(...bins);
  const first = Math.min(...bins) - 1;
  const bars = bins.map((bin, i) => ({ from: (bin - 1) * binWidth, to: bin * binWidth, y: Math.log10(counts[i]), count: counts[i] }))
    .sort((a, b) => a.from - b.from);
  const top = Math.max(1, Math.ceil(Math.log10(Math.max(...counts))));
  const edge = (value) => Number(value.toFixed(3)) + 0;
  const low = first < 5 ? 0 : first * binWidth;
  const high = Math.max(last * binWidth, low + 5 * binWidth);
  return {
    // One token is a bar too: the axis starts below 1, where the logarithm is 0.
    y: { min: -0.25, max: top, ticks: Array.from({ length: top + 1 }, (_, i) => ({ at: i, label: power(i) })) },
    x: { min: low, max: high, ticks: ticks(low, high, 6, (v) => String(edge(v))) },
    bars,
    cursor: bars.map(({ from, to, y, count: n }) => ({ x: (from + to) / 2, ys: [y],
      lines: [`${count(n)} ${n === 1 ? 'token' : 'tokens'}`, `activation ${edge(from)} to ${edge(to)}`] })),
    xTitle: 'activation',
    summary: `${bins.length} bins of width ${binWidth}, up to ${edge(last * binWidth)}`,
  };
}

function topTokens(record, sae) {
  const entries = record.topTokens ?? [];
  const list = barList(entries.slice(0, BARS).map(({ token, mean, count: n }) => ({
    name: h('a', { href: withQuery('/', { sae, q: token.trim() || token }), title: 'Features with this token' }, tokenLabel(token)),
    value: mean, detail: `×${compact(n)}` })), { format: digits, label: 'Top tokens' });
  return [h('h2', { class: 'title' }, 'Top tokens', h('span', { class: 'note' }, 'mean activation, times seen')),
    entries.length ? list : h('p', { class: 'empty' }, silence(record))];
}

const isNumeric = ({ binWidth, values }) => binWidth !== null && binWidth !== undefined
  || (values.length > 0 && values.every((value) => value !== '' && Number.isFinite(Number(value))));

const plotId = (field) => `plot-label-${field.replace(/[^\w-]/g, '_')}`;

function linePlot({ field, binWidth }) {
  const shown = plot({ id: plotId(field), title: `Density by ${field}`, note: binWidth ? `bins of ${binWidth}` : '' });
  return {
    element: shown.element,
    set(entry, record) {
      const { density } = record;
      const points = entry.values.map((value, i) => ({ x: Number(value), name: value, active: entry.active[i], tokens: entry.tokens[i] }))
        .filter((point) => Number.isFinite(point.x) && point.tokens > 0).sort((a, b) => a.x - b.x);
      if (points.length === 0 || density === 0) {
        shown.set({ empty: density === 0 ? silence(record) : 'No labelled tokens yet.' });
        return;
      }
      for (const point of points) point.y = point.active / point.tokens;
      const bands = points.map(({ x, active, tokens }) => [x, ...interval(active, tokens)]);
      // Room for the intervals, but not so much that a short one flattens the line.
      const peak = Math.max(...points.map((point) => point.y), density);
      const max = roundUp(Math.min(2 * peak, Math.max(peak, ...bands.map(([, , high]) => high))), 4);
      const [from, to] = [points[0].x, points[points.length - 1].x];
      const end = to > from ? to : from + 1;
      shown.set({
        x: { min: from, max: end, ticks: ticks(from, end, 5, String) },
        y: { min: 0, max, ticks: ticks(0, max, 4, tick) },
        bands: [bands.map(([x, low, high]) => [x, low, Math.min(high, max)])],
        lines: [{ points: points.map(({ x, y }) => [x, y]), kind: 'a' }],
        rules: [density],
        cursor: points.map(({ x, y, name, active, tokens }) => ({ x, ys: [y],
          lines: [digits(y), `${field} ${name}${entry.binWidth > 1 ? ` to ${Number(name) + entry.binWidth - 1}` : ''}`,
            `${count(active)} of ${count(tokens)} tokens`] })),
        summary: `from ${digits(points[0].y)} in ${points[0].name} to ${digits(points[points.length - 1].y)} in ${points[points.length - 1].name}`,
      });
    },
  };
}

/** Wilson's 95 % interval of a share. Tokens of one text are not independent: it is a lower bound of the doubt. */
function interval(active, tokens) {
  const z = 1.96;
  const share = active / tokens;
  const scale = 1 + (z * z) / tokens;
  const middle = (share + (z * z) / (2 * tokens)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / tokens + (z * z) / (4 * tokens * tokens));
  return [Math.max(0, middle - half), middle + half];
}

function barPlot({ field }) {
  const element = h('section', { class: 'card', id: plotId(field), 'data-testid': plotId(field) });
  let all = false;
  const set = (entry) => {
    const values = entry.values.map((name, i) => ({ name, value: entry.tokens[i] > 0 ? entry.active[i] / entry.tokens[i] : 0,
      detail: `${compact(entry.active[i])} of ${compact(entry.tokens[i])}` })).sort((a, b) => b.value - a.value);
    const rest = values.length - BARS;
    element.replaceChildren(
      h('h2', { class: 'title' }, `Density by ${field}`, h('span', { class: 'note' }, 'active of all tokens')),
      barList(all ? values : values.slice(0, BARS), { format: digits, label: `Density by ${field}` }),
      ...(rest > 0 && !all ? [h('button', { type: 'button', class: 'more', click: () => {
        all = true;
        set(entry);
      } }, `Show ${rest} more`)] : []));
  };
  return { element, set };
}

function historyData({ history, density, tokens }) {
  const points = [...(history ?? [])].filter((point) => point.tokens > 0).sort((a, b) => a.tokens - b.tokens);
  if (points.length === 0) return { empty: 'One estimate so far.' };
  const max = roundUp(Math.max(density, ...points.map((point) => point.density)), 3);
  const end = Math.max(tokens, points[points.length - 1].tokens);
  return {
    x: { min: 0, max: end, ticks: ticks(0, end, 4, compact) },
    y: { min: 0, max, ticks: ticks(0, max, 3, tick) },
    lines: [{ points: points.map((point) => [point.tokens, point.density]), kind: 'a' }],
    rules: [density],
    cursor: points.map((point) => ({ x: point.tokens, ys: [point.density],
      lines: [`density ${digits(point.density)}`, `mean ${digits(point.mean)}`, `after ${count(point.tokens)} tokens`] })),
    summary: `density ${digits(points[0].density)} at first, ${digits(density)} now`,
  };
}

/** Horizontal bars with their names: a list that reads as text. */
function barList(entries, { format, label }) {
  const max = Math.max(...entries.map((entry) => entry.value), 0);
  return h('ol', { class: 'bars', 'aria-label': label }, entries.map(({ name, value, detail }) => {
    const bar = h('span', { class: 'gauge', 'aria-hidden': 'true' });
    bar.style.setProperty('--w', max > 0 ? value / max : 0);
    return h('li', null, h('span', { class: 'name' }, name), h('span', { class: 'track' }, bar),
      h('span', { class: 'value' }, format(value)), detail ? h('span', { class: 'detail' }, detail) : null);
  }));
}
