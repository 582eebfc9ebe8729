"""The page that shows runs in a browser (`flowc ui`): a web application that only reads the store.

Floors, lowest first: `page_data/` makes the data of a page from the read model of runs, `drawing/` makes SVG pictures of
such data, `pages/` answers requests; the modules beside them build the application and run its server. Only this
package imports starlette, uvicorn and Jinja2, which the extra `flowc[ui]` installs.
"""
