// SPDX-License-Identifier: Apache-2.0
// The table of features: sorted, searched and paged by the server. Its state is in the address,
// so that a link or the back button finds it again.

import { get, saePath, withQuery } from './api.js';
import { h, setAttribute, setText, tokenLabel } from './dom.js';
import { count, digits } from './format.js';

const ROWS = 50;
const SEARCH_MS = 200;
const COLUMNS = [
  { sort: 'index', label: 'Feature', first: 'asc' },
  { sort: 'density', label: 'Density', first: 'desc' },
  { sort: 'max', label: 'Max', first: 'desc' },
  { sort: 'mean', label: 'Mean active', first: 'desc' },
];
const START = { sort: 'density', order: 'desc', q: '', alive: '', minDensity: '', maxDensity: '', offset: 0 };

export function featureTable(context, onError) {
  let sae = null;
  let state = { ...START };
  let total = 0;
  let asked = null;
  let typing = null;

  const search = h('input', { id: 'search', type: 'search', 'data-testid': 'search', placeholder: 'Token or index',
    autocomplete: 'off', spellcheck: 'false', 'aria-keyshortcuts': '/', input: () => {
      clearTimeout(typing);
      typing = setTimeout(() => change({ q: search.value }), SEARCH_MS);
    }, keydown: (event) => {
      if (event.key === 'Enter') {
        clearTimeout(typing);
        change({ q: search.value });
      } else if (event.key === 'Escape' && search.value === '') {
        search.blur();
      }
    } });
  const alive = h('fieldset', { class: 'segments', 'data-testid': 'alive' }, h('legend', { class: 'unseen' }, 'Show'),
    [['', 'All'], ['true', 'Alive'], ['false', 'Dead']].map(([value, label]) => h('label', null,
      h('input', { type: 'radio', name: 'alive', value, change: () => change({ alive: value }) }), h('span', null, label))));
  const density = h('button', { type: 'button', class: 'pill', hidden: true, 'data-testid': 'density-filter',
    click: () => change({ minDensity: '', maxDensity: '' }) });
  const status = h('p', { class: 'note', role: 'status', 'data-testid': 'table-status' });

  const heads = COLUMNS.map(({ sort, label, first }) => h('th', { scope: 'col', class: sort },
    h('button', { type: 'button', 'data-testid': `sort-${sort}`, click: () => change({ sort,
      order: state.sort !== sort ? first : state.order === 'asc' ? 'desc' : 'asc' }) }, label)));
  const rows = h('tbody', { 'data-testid': 'rows', keydown: moveAmongRows });
  const grid = h('table', { id: 'features', 'data-testid': 'features', 'aria-labelledby': 'features-title' },
    h('thead', null, h('tr', null, heads, h('th', { scope: 'col', class: 'tokens' }, 'Top tokens'))), rows);

  const turn = (label, to) => h('button', { type: 'button', 'data-testid': `page-${label.toLowerCase()}`,
    click: () => change({ offset: to() }) }, label);
  const lastOffset = () => Math.max(0, Math.floor((total - 1) / ROWS) * ROWS);
  const earlier = turn('Previous', () => Math.max(0, state.offset - ROWS));
  const later = turn('Next', () => Math.min(lastOffset(), state.offset + ROWS));
  const number = h('input', { id: 'page', type: 'number', min: 1, inputmode: 'numeric', 'data-testid': 'page', change: () => {
    const page = Math.max(1, Math.min(Math.round(Number(number.value)) || 1, lastOffset() / ROWS + 1));
    change({ offset: (page - 1) * ROWS });
  } });
  const pages = h('span', { 'data-testid': 'pages' });
  const pager = h('nav', { class: 'pager', 'aria-label': 'Pages of features' },
    earlier, h('label', null, 'Page ', number), pages, later);

  const element = h('section', { class: 'table', 'aria-labelledby': 'features-title' },
    h('div', { class: 'tools' }, h('h2', { id: 'features-title' }, 'Features'),
      h('label', { class: 'search' }, h('span', { class: 'unseen' }, 'Search features'), search, h('kbd', { 'aria-hidden': 'true' }, '/')),
      alive, density, status),
    h('div', { class: 'scroll' }, grid), pager);

  /** A choice of the reader: any but turning pages goes back to the first one. */
  function change(choice) {
    state = { ...state, offset: 0, ...choice };
    const isOne = context.run.saes.length < 2;
    const shown = Object.entries(state).filter(([key, value]) => value !== START[key]);
    history.replaceState(history.state, '', withQuery('/', { sae: isOne ? null : sae, ...Object.fromEntries(shown) }));
    showControls();
    load(true);
  }

  function showControls() {
    heads.forEach((head, i) => setAttribute(head, 'aria-sort', COLUMNS[i].sort !== state.sort ? null
      : state.order === 'asc' ? 'ascending' : 'descending'));
    if (search.value.trim() !== state.q.trim()) search.value = state.q;
    for (const input of alive.querySelectorAll('input')) input.checked = input.value === state.alive;
    density.hidden = state.minDensity === '';
    density.textContent = `density ${digits(Number(state.minDensity))} to ${digits(Number(state.maxDensity))} ×`;
    density.setAttribute('aria-label', `Remove the filter: ${density.textContent.slice(0, -2)}`);
  }

  async function load(chosen) {
    asked?.abort();
    const mine = new AbortController();
    asked = mine;
    if (chosen) grid.setAttribute('aria-busy', 'true');
    try {
      const found = await get(withQuery(`${saePath(sae)}/features`, { ...state, q: state.q.trim(), limit: ROWS }), mine.signal);
      if (asked !== mine) return;
      total = found.total;
      showRows(found.features, chosen);
      showPager();
    } catch (error) {
      if (error.name !== 'AbortError' && chosen) onError(error);
    } finally {
      if (asked === mine) {
        asked = null;
        grid.removeAttribute('aria-busy');
      }
    }
  }

  function showRows(features, chosen) {
    const known = new Map([...rows.children].filter((row) => row.dataset.index).map((row) => [Number(row.dataset.index), row]));
    // An update of itself does not move rows under a pointer or the focus; it only renews numbers.
    const still = !chosen && known.size > 0 && (rows.matches(':hover') || rows.contains(document.activeElement));
    const wanted = features.map((feature) => {
      const row = known.get(feature.index) ?? (still ? null : newRow(feature.index));
      if (row) fillRow(row, feature);
      return row;
    });
    if (still) return;
    if (wanted.length === 0) {
      rows.replaceChildren(h('tr', { class: 'none' }, h('td', { colspan: COLUMNS.length + 1 }, 'No feature matches. ',
        h('button', { type: 'button', click: () => change({ ...START, sort: state.sort, order: state.order }) }, 'Show all'))));
    } else if (wanted.some((row, i) => rows.children[i] !== row) || rows.children.length !== wanted.length) {
      rows.replaceChildren(...wanted);
    }
  }

  function newRow(index) {
    const link = h('a', { href: context.featureUrl(sae, index) }, count(index));
    const bar = h('span', { class: 'gauge', 'aria-hidden': 'true' });
    return h('tr', { 'data-index': index, 'data-testid': 'row' }, h('th', { scope: 'row', class: 'index' }, link),
      h('td', { class: 'density' }, h('span'), bar), h('td', { class: 'max' }), h('td', { class: 'mean' }),
      h('td', { class: 'tokens' }));
  }

  function fillRow(row, { density: share, max, mean, topTokens }) {
    const [, densityCell, maxCell, meanCell, tokens] = row.children;
    setText(densityCell.firstChild, digits(share));
    // Six decades of density, from one in a million to always.
    densityCell.lastChild.style.setProperty('--w', share > 0 ? Math.max(0.02, 1 + Math.log10(share) / 6) : 0);
    setText(maxCell, share > 0 ? digits(max) : '–');
    setText(meanCell, share > 0 ? digits(mean) : '–');
    const key = JSON.stringify(topTokens);
    if (tokens.dataset.key !== key) {
      tokens.dataset.key = key;
      tokens.replaceChildren(...topTokens.map((text) => h('span', { class: 'chip' }, tokenLabel(text))));
      if (topTokens.length === 0) tokens.append(h('span', { class: 'note' }, share > 0 ? '' : 'never fired'));
    }
  }

  function showPager() {
    const from = total === 0 ? 0 : state.offset + 1;
    setText(status, total === 0 ? 'no features' : `${count(from)}–${count(Math.min(state.offset + ROWS, total))} of ${count(total)}`);
    number.max = lastOffset() / ROWS + 1;
    if (document.activeElement !== number) number.value = Math.floor(state.offset / ROWS) + 1;
    setText(pages, `of ${count(lastOffset() / ROWS + 1)}`);
    earlier.disabled = state.offset === 0;
    later.disabled = state.offset >= lastOffset();
    pager.hidden = total <= ROWS;
  }

  // The whole row looks like one link, so it answers the pointer as one.
  rows.addEventListener('click', (event) => {
    if (event.target.closest('a, button') || getSelection().toString()) return;
    const link = event.target.closest('tr')?.querySelector('a');
    if (!link) return;
    if (event.metaKey || event.ctrlKey) open(link.href);
    else context.go(link.href);
  });

  function moveAmongRows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest('tr');
    if (!step || !row) return;
    event.preventDefault();
    (step > 0 ? row.nextElementSibling : row.previousElementSibling)?.querySelector('a')?.focus();
  }

  return {
    element,
    refresh: () => asked === null && load(false),
    focusSearch() {
      search.focus();
      search.select();
    },
    setSae(id) {
      sae = id;
      rows.replaceChildren();
      change({});
    },
    setDensity: (minDensity, maxDensity) => change({ minDensity: minDensity.toPrecision(6), maxDensity: maxDensity.toPrecision(6), alive: '' }),
    enter(query, id) {
      const wanted = Object.fromEntries(Object.entries(START).map(([key, value]) =>
        [key, key === 'offset' ? Math.max(0, Number(query.get(key)) || 0) : query.get(key) ?? value]));
      if (!COLUMNS.some(({ sort }) => sort === wanted.sort)) wanted.sort = START.sort;
      const same = sae === id && JSON.stringify(wanted) === JSON.stringify(state);
      if (sae !== id) rows.replaceChildren();
      sae = id;
      state = wanted;
      showControls();
      load(!same);
    },
  };
}
