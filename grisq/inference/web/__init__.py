"""A trained model as a static web page; `static` holds the page's own HTML, CSS and JavaScript."""
