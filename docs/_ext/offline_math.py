"""Formulas as MathML, which browsers draw themselves in the site's font: no script, no network."""

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.math import get_node_equation_number


def _mathml(node, **options):
    # A norm's second bar carries the exponent and would not grow with the formula: neither shall.
    formula = tex2mathml(node.astext(), **options)
    return formula.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')


def _skip(translator, node):
    """Nothing is left to do when the node closes: its visitor raised SkipNode."""


def _inline(translator, node):
    translator.body.append(_mathml(node))
    raise SkipNode


def _display(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append(_mathml(node, as_block=True))
    translator.body.append("</div>\n")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, _skip), (_display, _skip))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
