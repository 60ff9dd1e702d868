// Which of the pages with the same words comes first in a search (html_search_scorer).
const WORTH = [
  [/^troubleshooting/, 5], // messages are searched for word by word
  [/^(limits|glossary|which_method|tutorials|guide)/, 3],
  [/^(changelog|architecture|contributing|results)/, -3],
];
var Scorer = {
  score: ([page, , , , score]) =>
    score + WORTH.reduce((sum, [pages, worth]) => sum + (pages.test(page) ? worth : 0), 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
