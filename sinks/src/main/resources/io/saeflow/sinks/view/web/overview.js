// SPDX-License-Identifier: Apache-2.0
// The run at a glance.

import { get, saePath, withQuery } from './api.js';
import { h, setAttribute, setText } from './dom.js';
import { compact, count, digits, duration, percent, power } from './format.js';
import { plot, roundUp, ticks } from './plot.js';
import { featureTable } from './table.js';

// A run that is watched shares its cores with the page. Its counts follow every event; the table and the plots, which cost more, are
// renewed often at first, and the seldomer the longer the run has gone on and the less they change.
const SOONEST_MS = 3000;
const LATEST_MS = 15_000;
const AGE_SHARE = 0.25;
const FEW_POINTS = 10;
const RATE_MS = 12_000;
const POINTS = 600;
const DRIFTERS = 6;

export function overviewPage(context, onError) {
  const { run } = context;
  let sae = run.saes[0].id;
  let progress = [];
  let connected = true;
  let refresh = null;
  let again = false;
  let redrawn = -Infinity;

  const facts = h('p', { class: 'facts', 'data-testid': 'facts' });
  const badge = h('span', { class: 'badge', 'data-testid': 'run-state' });
  const picker = run.saes.length > 1
    ? h('label', { class: 'field' }, 'Autoencoder', h('select', { id: 'sae', 'data-testid': 'sae', change: (event) => {
        sae = event.target.value;
        table.setSae(sae);
        showSae();
      } }, run.saes.map(({ id }) => h('option', { value: id }, id))))
    : null;

  const bar = h('span', { class: 'gauge' });
  const meter = h('span', { class: 'track', role: 'progressbar', 'aria-label': 'Tokens so far', 'aria-valuemin': 0, 'aria-valuemax': 100 }, bar);
  const tiles = Object.fromEntries([
    ['tokens', 'Tokens'], ['rate', 'Tokens a second'], ['lag', 'Lag, in batches'], ['alive', 'Alive'], ['dead', 'Dead'], ['dense', 'Dense'],
    ['l0', 'L0'], ['nmse', 'Normalised MSE'],
  ].map(([id, label]) => {
    const big = h('dd', { class: 'big' }, '–');
    const note = h('dd', { class: 'note' });
    return [id, { big, note, element: h('div', { class: 'tile', 'data-testid': `stat-${id}` }, h('dt', null, label), big, note) }];
  }));
  tiles.tokens.element.append(h('dd', { class: 'meter' }, meter));

  const rate = plot({ id: 'plot-rate', title: 'Tokens a second', note: `over the last ${RATE_MS / 1000} s` });
  const population = plot({ id: 'plot-population', title: 'Features', note: [
    h('span', { class: 'swatch a' }, 'alive'), h('span', { class: 'swatch b' }, 'dead'), h('span', { class: 'swatch c' }, 'dense')] });
  const density = plot({ id: 'plot-density', title: 'Density', note: 'features a bin; choose a bar to filter' });
  const drift = driftCard(context, () => sae);
  const table = featureTable(context, onError);

  const element = h('article', null,
    h('header', { class: 'hero' },
      h('div', null, h('p', { class: 'crumbs' }, 'Run'),
        h('div', { class: 'titled' }, h('h1', { 'data-testid': 'title' }, run.run), badge), facts),
      picker),
    h('dl', { class: 'tiles', 'data-testid': 'stats' }, Object.values(tiles).map((tile) => tile.element)),
    h('div', { class: 'plots' }, rate.element, population.element, density.element, drift.element),
    table.element);

  function showRun() {
    setText(badge, run.complete ? 'complete' : 'running');
    badge.dataset.state = run.complete ? 'complete' : connected ? 'running' : 'lost';
    setText(tiles.tokens.big, run.tokens < 1e6 ? count(run.tokens) : compact(run.tokens));
    tiles.tokens.big.title = count(run.tokens);
    const share = run.complete ? 1 : run.total ? Math.min(1, run.tokens / run.total) : null;
    setText(tiles.tokens.note, share === null ? 'so far'
      : run.total ? `${percent(Math.min(1, run.tokens / run.total))} of ${compact(run.total)}` : 'all of them');
    meter.hidden = share === null;
    if (share !== null) {
      setAttribute(meter, 'aria-valuenow', String(Math.round(100 * share)));
      bar.style.setProperty('--w', share);
    }
    const redraw = run.complete || progress.length <= FEW_POINTS || performance.now() - redrawn >= pace();
    if (redraw) redrawn = performance.now();
    showRate(redraw);
    const last = progress[progress.length - 1];
    setText(tiles.lag.big, last ? count(last.modelLag + last.featureLag) : '–');
    setText(tiles.lag.note, last ? `model ${count(last.modelLag)}, features ${count(last.featureLag)}` : '');
    showPopulation(redraw);
  }

  /** Milliseconds from one renewal to the next. */
  function pace() {
    if (run.complete) return SOONEST_MS;
    const age = progress.length > 1 ? progress[progress.length - 1].at - progress[0].at : 0;
    return Math.min(Math.max(AGE_SHARE * age, SOONEST_MS), LATEST_MS);
  }

  function showRate(redraw) {
    // Tokens are counted by transaction: from one line to the next they come in bursts.
    const points = [];
    for (let i = 1, from = 0; i < progress.length; i++) {
      while (from + 1 < i && progress[i].at - progress[from].at > RATE_MS) from++;
      const seconds = (progress[i].at - progress[from].at) / 1000;
      if (seconds >= 0.5) points.push({ at: progress[i].at, value: (progress[i].tokens - progress[from].tokens) / seconds });
    }
    const elapsed = progress.length > 1 ? (progress[progress.length - 1].at - progress[0].at) / 1000 : 0;
    const average = elapsed > 0 ? (progress[progress.length - 1].tokens - progress[0].tokens) / elapsed : NaN;
    const now = points.length ? points[points.length - 1].value : NaN;
    const big = run.complete ? average : now;
    setText(tiles.rate.big, big < 10000 ? count(Math.round(big)) : compact(big));
    setText(tiles.rate.note, run.complete ? `on average, over ${duration(elapsed)}`
      : run.total && now > 0 ? `${duration((run.total - run.tokens) / now)} to go` : `over the last ${RATE_MS / 1000} s`);
    if (!redraw) return;
    if (points.length === 0) {
      rate.set({ empty: 'Waiting for the second measurement.' });
      return;
    }
    const start = progress[0].at;
    const max = roundUp(Math.max(...points.map((point) => point.value)), 4);
    const seconds = (at) => (at - start) / 1000;
    rate.set({
      x: timeAxis(Math.max(seconds(points[points.length - 1].at), 1)),
      y: { min: 0, max, ticks: ticks(0, max, 4, compact) },
      lines: [{ points: points.map((point) => [seconds(point.at), point.value]), kind: 'a' }],
      cursor: points.map((point) => ({ x: seconds(point.at), ys: [point.value],
        lines: [`${count(Math.round(point.value))} tokens/s`, `after ${duration(seconds(point.at))}`] })),
      summary: `${count(Math.round(big))} a second`,
    });
  }

  function showPopulation(redraw) {
    const now = context.sae(sae);
    for (const [id, note] of [['alive', 'fired at least once'], ['dead', 'seen, never fired'], ['dense', 'on over 10 % of tokens']]) {
      setText(tiles[id].big, count(now[id]));
      setText(tiles[id].note, id !== 'dense' && now.latents ? `${percent((now[id] ?? 0) / now.latents)} · ${note}` : note);
    }
    setText(tiles.l0.big, digits(now.l0 ?? NaN));
    setText(tiles.l0.note, 'non-zero latents a token');
    setText(tiles.nmse.big, digits(now.normalizedMse ?? NaN));
    setText(tiles.nmse.note, Number.isFinite(now.l0) && now.normalizedMse === null
      ? 'no decoder to compare by' : 'of what the latents decode to');
    if (!redraw) return;
    const points = progress.filter((point) => point.saes?.[sae]);
    if (points.length < 2) {
      population.set({ empty: 'Waiting for the second measurement.' });
      return;
    }
    const start = points[0].at;
    const x = (point) => (point.at - start) / 1000;
    const max = roundUp(Math.max(1, ...points.flatMap(({ saes }) => [saes[sae].alive, saes[sae].dead, saes[sae].dense])), 4);
    population.set({
      x: timeAxis(Math.max(x(points[points.length - 1]), 1)),
      y: { min: 0, max, ticks: ticks(0, max, 4, compact) },
      lines: [['alive', 'a'], ['dead', 'b'], ['dense', 'c']].map(([key, kind]) =>
        ({ points: points.map((point) => [x(point), point.saes[sae][key]]), kind })),
      cursor: points.map((point) => {
        const { alive, dead, dense } = point.saes[sae];
        return { x: x(point), ys: [alive, dead, dense],
          lines: [`${count(alive)} alive`, `${count(dead)} dead, ${count(dense)} dense`, `after ${duration(x(point))}`] };
      }),
      summary: `${count(now.alive)} alive, ${count(now.dead)} dead, ${count(now.dense)} dense`,
    });
  }

  async function showDensities() {
    const asked = sae;
    const { bins, counts, dead } = await get(`${saePath(sae)}/densities`);
    if (asked !== sae) return;
    const used = bins.map((bin, i) => ({ from: bin, to: bin + 0.1, y: counts[i] })).filter((entry) => entry.y > 0);
    if (used.length === 0) {
      density.set({ empty: 'No feature has fired yet.' });
      return;
    }
    const low = Math.min(Math.floor(used[0].from + 1e-9), -1);
    const max = roundUp(Math.max(...used.map((entry) => entry.y)), 4);
    const edge = (exponent) => digits(10 ** exponent);
    density.set({
      x: { min: low, max: 0, ticks: Array.from({ length: -low + 1 }, (_, i) => ({ at: low + i, label: power(low + i) })) },
      y: { min: 0, max, ticks: ticks(0, max, 4, compact) },
      bars: used,
      cursor: used.map(({ from, to, y }) => ({ x: (from + to) / 2, ys: [y],
        lines: [`${count(y)} ${y === 1 ? 'feature' : 'features'}`, `density ${edge(from)} to ${edge(to)}`] })),
      pick: (i) => table.setDensity(10 ** used[i].from, 10 ** used[i].to),
      summary: `${count(dead)} dead features are not shown`,
    });
  }

  function showSae() {
    const { hook, latents, architecture, k } = context.sae(sae);
    facts.replaceChildren(...[['subject', run.subject], ['hook', hook],
      ['autoencoder', `${sae}, ${count(latents)} latents, ${architecture}${k ? `, k\u00a0=\u00a0${k}` : ''}`]]
      .map(([name, value]) => h('span', null, h('span', { class: 'note' }, name), ' ', value)));
    redrawn = -Infinity;
    showRun();
    showDensities().catch(() => {});
    drift.show();
  }

  async function loadProgress() {
    progress = await get('/api/progress');
    redrawn = -Infinity;
    showRun();
  }

  /** Everything that the server counts, at most once in a while, whatever number of events asked. */
  function refreshSoon() {
    if (refresh !== null) {
      again = true;
      return;
    }
    refresh = setTimeout(() => {
      refresh = null;
      if (again) refreshSoon();
      again = false;
    }, pace());
    if (!element.isConnected) return;
    table.refresh();
    showDensities().catch(() => {});
  }

  loadProgress().catch(() => {});
  let entered = false;
  return {
    element,
    title: run.run,
    sae: () => sae,
    focusSearch: () => table.focusSearch(),
    enter() {
      const asked = new URLSearchParams(location.search);
      const shown = entered ? sae : null;
      if (context.sae(asked.get('sae'))) sae = asked.get('sae');
      if (picker) picker.lastChild.value = sae;
      table.enter(asked, sae);
      if (sae === shown) {
        showRun();
        refreshSoon();
      } else {
        showSae();
      }
      entered = true;
    },
    onEvent(event, data) {
      if (event === 'lost') connected = false;
      if (event === 'open') {
        // What was missed while the connection was lost is in the log.
        if (!connected) loadProgress().catch(() => {});
        connected = true;
      }
      if (event === 'progress') {
        if (!(progress[progress.length - 1]?.at >= data.at)) progress.push(data);
        if (progress.length > POINTS) progress = progress.filter((_, i) => i % 2 === 0 || i === progress.length - 1);
        showRun();
        if (data.complete) {
          clearTimeout(refresh);
          refresh = null;
          // Twice: the last records may be counted just after the last line of progress.
          refreshSoon();
          refreshSoon();
          drift.show();
        }
      }
      if (event === 'features' && data.sae === sae) refreshSoon();
    },
  };
}

function timeAxis(end) {
  const [unit, name] = end < 300 ? [1, 's'] : end < 18000 ? [60, 'min'] : [3600, 'h'];
  return { min: 0, max: end, ticks: ticks(0, end / unit, 5, (v) => `${Number(v.toFixed(2))} ${name}`)
    .map(({ at, label }) => ({ at: at * unit, label })) };
}

/** The features whose density differs most between the values of a label; hidden where there are no labels. */
function driftCard(context, currentSae) {
  const choice = h('select', { id: 'drift-field', 'data-testid': 'drift-field', 'aria-label': 'Label', change: () => load() });
  const list = h('ol', { class: 'drift', 'data-testid': 'drift-rows' });
  const element = h('section', { class: 'card', id: 'drift', 'data-testid': 'drift', hidden: true },
    h('h2', { class: 'title' }, 'Drift by ', choice, h('span', { class: 'note' }, 'density, lowest to highest')), list);

  async function load() {
    const sae = currentSae();
    const found = await get(withQuery(`${saePath(sae)}/drift`, { field: choice.value, limit: DRIFTERS }));
    if (sae !== currentSae()) return;
    element.hidden = false;
    list.replaceChildren(...found.map(({ index, low, high }) => h('li', null,
      h('a', { href: context.featureUrl(sae, index) }, count(index)),
      h('span', null, digits(low.density), ' ', h('span', { class: 'note' }, low.value)),
      h('span', { class: 'arrow' }, h('span', { 'aria-hidden': 'true' }, '→'), h('span', { class: 'unseen' }, 'to')),
      h('span', null, digits(high.density), ' ', h('span', { class: 'note' }, high.value)))));
    if (found.length === 0) list.append(h('li', { class: 'empty' }, 'Nothing to compare yet.'));
  }

  async function show() {
    try {
      if (choice.childElementCount === 0) {
        const fields = await labelFields(context, currentSae());
        choice.append(...fields.map((field) => h('option', null, field)));
      }
      if (choice.childElementCount > 0) await load();
    } catch {
      // Drift is an extra: without it the card stays hidden.
    }
  }
  return { element, show };
}

/** The run names its label fields; where it does not, any feature's record does. */
async function labelFields(context, sae) {
  // A label is a field, or a field and the width of its bins.
  if (context.run.labels) return context.run.labels.map((label) => label.replace(/:[0-9.eE+-]+$/, ''));
  const { features: [feature] } = await get(`${saePath(sae)}/features?alive=true&limit=1`);
  const record = feature ? await get(`${saePath(sae)}/features/${feature.index}`) : null;
  return (record?.labels ?? []).map((label) => label.field);
}
