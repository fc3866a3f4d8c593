// SPDX-License-Identifier: Apache-2.0
// A classic script in the head, so that the first paint already has the right colours.
(() => {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const known = (theme) => (theme === 'dark' || theme === 'light' ? theme : null);

  // Storage can be forbidden; the toggle then lasts as long as the page.
  const stored = () => {
    try {
      return known(localStorage.getItem('saeflow.theme'));
    } catch {
      return null;
    }
  };

  const asked = known(new URLSearchParams(location.search).get('theme')) ?? stored();
  if (asked) root.dataset.theme = asked;

  const current = () => root.dataset.theme ?? (system.matches ? 'dark' : 'light');

  addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const name = () => {
      const other = current() === 'dark' ? 'Light' : 'Dark';
      button.textContent = other;
      button.setAttribute('aria-label', `Switch to the ${other.toLowerCase()} theme`);
    };
    button.addEventListener('click', () => {
      root.dataset.theme = current() === 'dark' ? 'light' : 'dark';
      try {
        localStorage.setItem('saeflow.theme', root.dataset.theme);
      } catch {
        // Nothing to do: see above.
      }
      name();
    });
    system.addEventListener('change', name);
    name();
  });
})();
