// SPDX-License-Identifier: Apache-2.0
// Line and bar plots as SVG. Data come already on a linear scale: a caller that wants a log axis
// passes logarithms and labels the ticks itself.

import { h, s, say } from './dom.js';
import { hideTip, showTip } from './tip.js';

const MARGIN = { top: 10, right: 14, bottom: 24 };

/** Round ticks that cover a range, for a linear axis. */
export function ticks(min, max, wanted, format) {
  const step = roundStep(max - min || Math.abs(max) || 1, wanted);
  const from = Math.ceil(min / step - 1e-9);
  const found = [];
  // Adding 0 turns -0 into 0.
  for (let i = from; i * step <= max + step * 1e-9; i++) found.push({ at: i * step, label: format(i * step + 0) });
  return found;
}

/** The largest tick-aligned value at or above max, so that lines do not touch the frame. */
export function roundUp(max, wanted) {
  if (!(max > 0)) return 1;
  const step = roundStep(max, wanted);
  return Math.ceil(max / step - 1e-9) * step;
}

function roundStep(span, wanted) {
  const rough = span / wanted;
  const unit = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((m) => m * unit >= rough * (1 - 1e-9)) * unit;
}

/**
 * A titled plot that redraws itself at the width it is given.
 *
 * set(data) draws: {x: {min, max, ticks}, y: {min, max, ticks}, summary,
 *   bars: [{from, to, y, kind?}], bands: [[[x, low, high]]], lines: [{points: [[x, y]], kind}],
 *   rules: [y], cursor: [{x, ys, lines}] sorted by x, pick(i)?, xTitle?} or {empty: "why"}.
 */
export function plot({ id, title, note, height = 190 }) {
  const caption = h('figcaption', { id: `${id}-title` }, h('span', { class: 'title' }, title),
    h('span', { class: 'note' }, note ?? ''));
  const stage = h('div', { class: 'stage', role: 'group', tabindex: 0, 'aria-labelledby': `${id}-title` });
  stage.style.height = `${height}px`;
  const element = h('figure', { class: 'card plot', id, 'data-testid': id }, caption, stage);
  let data = { empty: '' };
  let at = -1;
  let scale = null;

  const draw = () => {
    const width = stage.clientWidth;
    if (width === 0) return;
    if (data.empty !== undefined) {
      stage.replaceChildren(h('p', { class: 'empty' }, data.empty));
      return;
    }
    const { x, y } = data;
    const longest = Math.max(...y.ticks.map((tick) => tick.label.length), 1);
    const left = Math.ceil(longest * 6.7) + 10;
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom - (data.xTitle ? 16 : 0);
    const px = (v) => left + ((v - x.min) / (x.max - x.min || 1)) * (right - left);
    const py = (v) => bottom - ((v - y.min) / (y.max - y.min || 1)) * (bottom - MARGIN.top);
    scale = { px, py, bottom };
    const path = (points) => points.map(([a, b], i) => `${i ? 'L' : 'M'}${px(a).toFixed(1)} ${py(b).toFixed(1)}`).join('');

    // Where labels would touch, only every second or third is written.
    const widest = Math.max(...x.ticks.map(({ label }) => label.length * 6.4)) + 10;
    const apart = x.ticks.length > 1 ? px(x.ticks[1].at) - px(x.ticks[0].at) : widest;
    const xLabels = x.ticks.filter((_, i) => i % Math.ceil(widest / apart) === 0).map(({ at: v, label }) => {
      const half = label.length * 3.4;
      const middle = Math.max(left - 8 + half, Math.min(px(v), width - half - 1));
      return s('text', { x: middle, y: bottom + 17, 'text-anchor': 'middle' }, label);
    });
    stage.replaceChildren(s('svg', { width, height, role: 'img', 'aria-label': `${title}: ${data.summary ?? ''}` },
      s('g', { class: 'grid' }, y.ticks.map(({ at: v }) =>
        s('line', { x1: left, x2: right, y1: py(v), y2: py(v) }))),
      s('g', { class: 'axis' },
        y.ticks.map(({ at: v, label }) => s('text', { x: left - 7, y: py(v) + 4, 'text-anchor': 'end' }, label)),
        xLabels,
        data.xTitle ? s('text', { x: (left + right) / 2, y: height - 4, 'text-anchor': 'middle' }, data.xTitle) : null),
      (data.bands ?? []).map((band) => s('path', { class: 'band',
        d: `${path(band.map(([a, , high]) => [a, high]))}L${path(band.map(([a, low]) => [a, low]).reverse()).slice(1)}Z` })),
      (data.bars ?? []).map(({ from, to, y: top, kind }) => {
        const gap = px(to) - px(from) > 4 ? 1 : 0;
        return s('rect', { class: `fill ${kind ?? ''}`, x: px(from), y: py(top),
          width: Math.max(1, px(to) - px(from) - gap), height: Math.max(0, bottom - py(top)), rx: gap });
      }),
      (data.rules ?? []).map((v) => s('line', { class: 'rule', x1: left, x2: right, y1: py(v), y2: py(v) })),
      s('line', { class: 'base', x1: left, x2: right, y1: bottom, y2: bottom }),
      (data.lines ?? []).map(({ points, kind }) => points.length === 1
        ? s('circle', { class: `dot ${kind}`, cx: px(points[0][0]), cy: py(points[0][1]), r: 3 })
        : s('path', { class: `line ${kind}`, d: path(points) })),
      s('g', { class: 'cursor' })));
    mark();
  };

  const mark = () => {
    const group = stage.querySelector('.cursor');
    if (!group) return;
    const point = data.cursor?.[at];
    group.replaceChildren(...(point ? [
      s('line', { x1: scale.px(point.x), x2: scale.px(point.x), y1: MARGIN.top, y2: scale.bottom }),
      ...(point.ys ?? []).map((v) => s('circle', { cx: scale.px(point.x), cy: scale.py(v), r: 3.5 })),
    ] : []));
  };

  const move = (index) => {
    const points = data.cursor ?? [];
    if (!scale || points.length === 0) return;
    at = Math.max(0, Math.min(index, points.length - 1));
    mark();
    const box = stage.getBoundingClientRect();
    const middle = box.left + scale.px(points[at].x);
    const top = box.top + Math.min(scale.bottom, ...(points[at].ys ?? [Infinity]).map(scale.py));
    showTip({ left: middle, right: middle, top, bottom: top }, points[at].lines);
  };

  const leave = () => {
    at = -1;
    mark();
    hideTip();
  };

  const nearest = (event) => {
    const from = event.clientX - stage.getBoundingClientRect().left;
    let best = 0;
    (data.cursor ?? []).forEach((point, i) => {
      if (Math.abs(scale.px(point.x) - from) < Math.abs(scale.px(data.cursor[best].x) - from)) best = i;
    });
    return best;
  };

  stage.addEventListener('pointermove', (event) => data.cursor && scale && move(nearest(event)));
  stage.addEventListener('pointerleave', leave);
  stage.addEventListener('blur', leave);
  stage.addEventListener('click', () => at >= 0 && data.pick?.(at));
  stage.addEventListener('keydown', (event) => {
    const last = (data.cursor?.length ?? 0) - 1;
    if (event.altKey || event.ctrlKey || event.metaKey || last < 0) return;
    const target = { ArrowLeft: at < 0 ? last : at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      move(target);
      say(data.cursor[at].lines.join(', '));
    } else if (event.key === 'Enter' && at >= 0 && data.pick) {
      data.pick(at);
    }
  });
  new ResizeObserver(draw).observe(stage);

  return {
    element,
    set(next, nextNote) {
      data = next;
      stage.classList.toggle('pickable', Boolean(data.pick));
      if (nextNote !== undefined) caption.lastChild.replaceChildren(...[nextNote].flat());
      if (at >= (data.cursor?.length ?? 0)) at = -1;
      draw();
    },
  };
}

/** Horizontal bars with their names: a list that reads as text. */
export function barList(entries, { format, label }) {
  const max = Math.max(...entries.map((entry) => entry.value), 0);
  return h('ol', { class: 'bars', 'aria-label': label }, entries.map(({ name, value, detail }) => {
    const bar = h('span', { class: 'gauge', 'aria-hidden': 'true' });
    bar.style.setProperty('--w', max > 0 ? value / max : 0);
    return h('li', null, h('span', { class: 'name' }, name), h('span', { class: 'track' }, bar),
      h('span', { class: 'value' }, format(value)), detail ? h('span', { class: 'detail' }, detail) : null);
  }));
}
