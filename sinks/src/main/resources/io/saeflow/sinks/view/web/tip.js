// SPDX-License-Identifier: Apache-2.0
// The one tooltip of the page, for pointer and keyboard alike.

const tip = () => document.getElementById('tip');

/**
 * Shows lines of text above a box of the viewport, or below it where there is no room.
 *
 * @param box {left, right, top, bottom} in viewport pixels
 */
export function showTip(box, lines) {
  const element = tip();
  element.replaceChildren(...lines.map((line, i) => {
    const row = document.createElement(i === 0 ? 'strong' : 'span');
    row.textContent = line;
    return row;
  }));
  element.hidden = false;
  const { width, height } = element.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  const left = Math.max(6, Math.min((box.left + box.right - width) / 2, room - width - 6));
  const above = box.top - height - 8;
  element.style.left = `${left}px`;
  element.style.top = `${above < 6 ? box.bottom + 8 : above}px`;
}

export function hideTip() {
  tip().hidden = true;
}

addEventListener('keydown', (event) => {
  if (event.key === 'Escape') hideTip();
});
addEventListener('scroll', hideTip, { passive: true });
