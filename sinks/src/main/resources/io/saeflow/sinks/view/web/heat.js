// SPDX-License-Identifier: Apache-2.0
// Token heat maps: one row a sequence, colour by activation.

import { h, say, visible } from './dom.js';
import { count, digits } from './format.js';
import { hideTip, showTip } from './tip.js';

const FIRST = 5;

/**
 * A titled list of sequences, the first five shown.
 *
 * @param max the activation that gets the full colour
 * @param empty what is said where there is no sequence
 */
export function heatMaps({ id, title, note, rows, max, empty, shown = FIRST, onShown }) {
  const list = h('ol', { class: 'heat', 'data-testid': `${id}-rows` });
  const more = h('button', { type: 'button', class: 'more', 'data-testid': `${id}-more`, click: () => {
    const from = list.childElementCount;
    append(rows.length);
    onShown?.(rows.length);
    list.children[from].querySelector('[tabindex="0"]').focus();
  } });
  const append = (to) => {
    for (let i = list.childElementCount; i < Math.min(to, rows.length); i++) list.append(sequence(rows[i], max));
    more.hidden = list.childElementCount >= rows.length;
    more.textContent = `Show ${rows.length - list.childElementCount} more`;
  };
  append(shown);
  list.addEventListener('mouseover', (event) => onToken(event, tell));
  list.addEventListener('focusin', (event) => onToken(event, tell));
  list.addEventListener('mouseleave', hideTip);
  list.addEventListener('focusout', hideTip);
  list.addEventListener('keydown', moveAmongTokens);
  return h('section', { class: 'sequences', id, 'data-testid': id, 'aria-labelledby': `${id}-title` },
    h('h2', { id: `${id}-title` }, title, h('span', { class: 'note' }, note)),
    rows.length === 0 ? h('p', { class: 'empty' }, empty) : list, more);
}

/** The colours' key: from nothing to the maximum. */
export function heatKey(max) {
  return h('span', { class: 'key' }, '0', h('span', { class: 'ramp', 'aria-hidden': 'true' }), digits(max));
}

function sequence(row, max) {
  const tokens = row.tokens.flatMap((text, i) =>
    text.startsWith(' ') ? [h('wbr'), token(row, text, i, max)] : [token(row, text, i, max)]);
  const peak = row.tokens[row.idx] ?? '';
  return h('li', { 'data-testid': 'sequence' },
    h('p', { class: 'where' }, h('strong', null, digits(row.activation)),
      h('span', null, row.document >= 0 ? `document ${count(row.document)}` : 'no document')),
    h('p', { class: 'tokens', role: 'group',
      'aria-label': `Sequence of document ${row.document}; ${digits(row.activation)} at “${visible(peak)}”` }, tokens));
}

function token(row, text, i, max) {
  const activation = row.activations[i];
  const peak = i === row.idx;
  const span = h('span', { class: peak ? 'token peak' : 'token', tabindex: peak ? 0 : -1,
    'data-activation': digits(activation), 'data-place': row.position - row.idx + i }, lineEnds(text));
  // Tiny values still get a trace of colour: zero and almost zero are different findings.
  if (activation > 0 && max > 0) {
    span.classList.add('on');
    span.style.setProperty('--heat-share', `${Math.round(10 + 90 * Math.min(1, activation / max))}%`);
  }
  span.dataset.text = text;
  return span;
}

/** A line end is a sign, followed by a real break that only the "line breaks" switch shows. */
function lineEnds(text) {
  const parts = unbroken(text).split('\n');
  return parts.flatMap((part, i) => i === parts.length - 1 ? [part]
    : [part, h('span', { class: 'sign' }, '↵'), h('span', { class: 'break' }, '\n')]);
}

/** A token's leading blank stays with it: a line may end before it, not behind. */
function unbroken(text) {
  return text.replace(/^ +(?=\S)/, (blanks) => '\u00a0'.repeat(blanks.length));
}

function onToken(event, action) {
  const span = event.target.closest('.token');
  if (span) action(span);
  else hideTip();
}

function tell(span) {
  // A token may wrap over two lines; the first box is where the eye is.
  const [box] = span.getClientRects();
  if (!box) return;
  span.setAttribute('aria-describedby', 'tip');
  showTip(box, [span.dataset.activation, `“${visible(span.dataset.text)}” · position ${count(Number(span.dataset.place))}`]);
}

function moveAmongTokens(event) {
  const from = event.target.closest('.token');
  if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
  const row = [...from.parentElement.querySelectorAll('.token')];
  const at = row.indexOf(from);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: row.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const target = row[Math.max(0, Math.min(to, row.length - 1))];
  from.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
  say(`${visible(target.dataset.text)} ${target.dataset.activation}`);
}
