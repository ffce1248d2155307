// A classic script, so that no page is drawn in the wrong colours first.
document.documentElement.dataset.theme = localStorage.getItem("vocafuse-theme") ?? "system";
