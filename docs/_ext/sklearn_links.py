"""Names of scikit-learn in double backticks lead to its manual, by an inventory kept here."""

from docutils import nodes
from sklearn.utils.discovery import all_estimators, all_functions
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

NAMES = {
    name: f"{cls.__module__.partition('._')[0]}.{name}"
    for name, cls in [*all_estimators(), *all_functions()]
    if name[0].isupper()  # a function's name alone may be anything
}


class SklearnLinks(SphinxTransform):
    """``GridSearchCV`` and the like; not in headings, and not in what is a link already."""

    default_priority = 500

    def apply(self, **kwargs):
        for literal in list(self.document.findall(nodes.literal)):
            name = literal.astext().removesuffix("()")
            outside = isinstance(literal.parent, nodes.paragraph | nodes.list_item)
            if outside and name in NAMES:
                target = pending_xref(
                    "",
                    refdomain="py",
                    reftype="class",
                    reftarget=NAMES[name],
                    refexplicit=True,
                    refdoc=self.env.docname,
                )
                literal.replace_self(target)
                target += literal


def setup(app):
    app.add_transform(SklearnLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
