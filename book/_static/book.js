// Some buttons have names that a screen reader cannot use; axe-core calls that serious.
document.addEventListener("DOMContentLoaded", () => {
  // The name must contain the visible text: of the search field, and of a cell whose code is folded away.
  document
    .querySelectorAll("button.search-button-field[aria-label], details > summary[aria-label='Toggle hidden content']")
    .forEach((button) => button.removeAttribute("aria-label"));
  // An arrow beside a page that has pages below it.
  document.querySelectorAll("nav li.has-children > details > summary").forEach((summary) => {
    const page = summary.closest("li").querySelector("a");
    if (!summary.textContent.trim() && page) summary.setAttribute("aria-label", `Pages below ${page.textContent.trim()}`);
  });
});

// A formula that is too wide scrolls, so the keyboard must reach it.
window.addEventListener("load", () =>
  window.MathJax?.startup?.promise.then(() =>
    document.querySelectorAll("mjx-container[display='true']").forEach((formula) => {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    }),
  ),
);
