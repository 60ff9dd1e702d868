// Long names in the sidebar break between their words, not within one.
for (const link of document.querySelectorAll(".bd-links .toctree-l2 > a")) {
  link.innerHTML = link.innerHTML.replace(/_|[a-z](?=[A-Z])/g, "$&<wbr>");
}
