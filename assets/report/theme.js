// Colours follow the system until the button says otherwise.
const root = document.documentElement, button = document.getElementById("theme");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const named = () => (button.textContent = isDark() ? "Light colours" : "Dark colours");
button.hidden = false;
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  named();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", named);
named();
