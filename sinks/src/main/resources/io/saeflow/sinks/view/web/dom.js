// SPDX-License-Identifier: Apache-2.0
// Elements from plain calls. Text always becomes text nodes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. Functions among the properties are event listeners, named as the event. */
export function h(name, properties, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** An SVG element. */
export function s(name, properties, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets text only where it differs, so that a quiet page stays quiet for screen readers. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Reads a sentence to screen readers. */
export function say(text) {
  setText(document.getElementById('say'), text);
}

/** A token as people can read it: leading and trailing blanks and line ends are made visible. */
export function tokenLabel(text) {
  const blank = (part) => h('span', { class: 'blank' }, part);
  const [, before, middle, after] = /^(\s*)([^]*?)(\s*)$/.exec(text);
  return [visible(before), middle.replace(/\n/g, '↵'), visible(after)]
    .map((part, i) => (part === '' ? null : i === 1 ? part : blank(part)));
}

/** The same as plain text, for tooltips and labels. */
export function visible(text) {
  return text.replace(/\r?\n/g, '↵').replace(/\t/g, '⇥').replace(/^ +| +$/g, (run) => '·'.repeat(run.length));
}
