// Two of the theme's buttons have names that a screen reader cannot use; axe-core calls both serious.
document.addEventListener("DOMContentLoaded", () => {
  // The name must contain the visible text, which tells the keys as well.
  document.querySelectorAll("button.search-button-field[aria-label]").forEach((button) => button.removeAttribute("aria-label"));
  // An arrow beside a page that has pages below it.
  document.querySelectorAll("nav li.has-children > details > summary").forEach((summary) => {
    const page = summary.closest("li").querySelector("a");
    if (!summary.textContent.trim() && page) summary.setAttribute("aria-label", `Pages below ${page.textContent.trim()}`);
  });
});
