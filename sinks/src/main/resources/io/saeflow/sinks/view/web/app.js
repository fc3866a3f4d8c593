// SPDX-License-Identifier: Apache-2.0
// Start here: loads the run, follows its events, and shows the page that the address names.
// Pages: / (overview.js) and /saes/{sae}/features/{index} (feature.js), each loaded when first needed.

import { ApiError, follow, get, rememberToken, saePath } from './api.js';
import { h, setText } from './dom.js';
import { hideTip } from './tip.js';

const FEATURE = /^\/saes\/([^/]+)\/features\/([^/]+)\/?$/;
const main = document.getElementById('main');
const live = document.getElementById('live');

/** What pages share: the run as last heard of, and how to go elsewhere. */
const context = {
  run: null,
  home: '/',
  sae: (id) => context.run.saes.find((sae) => sae.id === id),
  featureUrl: (sae, index) => `/saes/${encodeURIComponent(sae)}/features/${index}`,
  go,
  openRandom,
};

let page = null;
let overview = null;
let visits = 0;
let stopFollowing = () => {};

const featureModule = () => import('./feature.js');
const overviewModule = () => import('./overview.js');

async function start() {
  let runs;
  // The page's code comes along with the run's data.
  (location.pathname === '/' ? overviewModule : featureModule)();
  try {
    runs = await get('/api/runs');
  } catch (error) {
    showError(error);
    return;
  }
  if (runs.length === 0) {
    show(message('Nothing recorded yet', 'The page opens by itself as soon as the run has started.'));
    setTimeout(start, 2000);
    return;
  }
  context.run = runs[0];
  if (!context.run.complete) {
    stopFollowing = follow(onEvent);
  } else {
    showLive();
  }
  route();
}

function onEvent(event, data) {
  if (event === 'progress') {
    const { run } = context;
    Object.assign(run, { tokens: data.tokens, total: data.total, complete: data.complete });
    for (const sae of run.saes) Object.assign(sae, data.saes?.[sae.id]);
  }
  showLive(event);
  page?.onEvent?.(event, data);
  if (page !== overview) overview?.onEvent(event, data);
  if (context.run.complete) stopFollowing();
}

function showLive(event) {
  const state = context.run.complete ? 'complete' : event === 'lost' ? 'lost' : 'running';
  live.dataset.state = state;
  setText(live, { complete: '', lost: 'reconnecting', running: 'live' }[state]);
}

function go(url) {
  history.replaceState({ ...history.state, scroll: scrollY }, '');
  if (page !== null && page === overview) context.home = location.pathname + location.search;
  history.pushState(null, '', url);
  return route();
}

async function route() {
  hideTip();
  page?.leave?.();
  page = null;
  if (!context.run) return;
  const visit = ++visits;
  const feature = FEATURE.exec(location.pathname);
  if (feature) {
    const [sae, index] = feature.slice(1).map(decodeURIComponent);
    const { featurePage } = await featureModule();
    if (visit !== visits) return;
    page = featurePage(context, sae, index, showError);
    show(page);
  } else if (location.pathname === '/' || location.pathname === '/index.html') {
    const { overviewPage } = await overviewModule();
    if (visit !== visits) return;
    // The overview is kept, so that coming back finds the table as it was left.
    overview ??= overviewPage(context, showError);
    page = overview;
    show(page);
    page.enter();
    scrollTo(0, history.state?.scroll ?? 0);
  } else {
    showError(new ApiError(404, `There is no page ${location.pathname}.`));
  }
}

let first = true;

function show({ element, title }) {
  main.replaceChildren(element);
  document.title = title ? `${title} · saeflow` : 'saeflow';
  // A new page is announced by moving focus to it, except where the browser has just done so.
  if (!first) main.focus({ preventScroll: true });
  first = false;
  scrollTo(0, 0);
}

function message(title, text, ...more) {
  return { title, element: h('section', { class: 'message', 'data-testid': 'message' }, h('h1', null, title),
    h('p', null, text), ...more) };
}

function showError(error) {
  page = null;
  const home = h('p', null, h('a', { class: 'button', href: '/' }, 'Go to the overview'));
  if (error.status === 401) {
    show(tokenForm());
  } else if (error.status === 404 || error.status === 400) {
    const shown = message('Not found', error.message, home);
    shown.element.dataset.testid = 'not-found';
    show(shown);
  } else {
    const again = h('button', { type: 'button', click: () => (context.run ? route() : start()) }, 'Try again');
    show(message('Something is missing', error.message, h('p', null, again)));
  }
}

function tokenForm() {
  const input = h('input', { id: 'token', type: 'password', autocomplete: 'off', required: true });
  const submit = (event) => {
    event.preventDefault();
    rememberToken(input.value.trim());
    start();
  };
  return message('A token is needed', 'The server printed it when it started. It is kept until this tab is closed.',
    h('form', { class: 'access', submit }, h('label', { for: 'token' }, 'Token'), input,
      h('button', { type: 'submit' }, 'Open')));
}

async function openRandom(sae) {
  const { alive, latents } = context.sae(sae);
  const path = `${saePath(sae)}/features?alive=true&limit=1&sort=index&order=asc&offset=`;
  let index = Math.floor(Math.random() * latents);
  if (alive > 0) {
    const found = await get(path + Math.floor(Math.random() * alive)).catch(() => null);
    index = found?.features[0]?.index ?? index;
  }
  go(context.featureUrl(sae, index));
}

addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button !== 0 || link.target || 'native' in link.dataset) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.getAttribute('href').startsWith('#')) return;
  event.preventDefault();
  go(link.href);
});

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || !context.run) return;
  if (event.target.closest?.('input, select, textarea')) return;
  if (event.key === '/') {
    event.preventDefault();
    toOverview().then(() => overview.focusSearch());
  } else if (event.key === 'o') {
    toOverview();
  } else if (event.key === 'r') {
    openRandom(page?.sae?.() ?? context.run.saes[0].id);
  } else {
    page?.onKey?.(event);
  }
});

async function toOverview() {
  if (page === null || page !== overview) await go(context.home);
}

history.scrollRestoration = 'manual';
addEventListener('popstate', route);
start();
