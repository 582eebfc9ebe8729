"""The page that shows runs in a browser (`flowc ui`): a web application that reads the store.

Each directory imports only the directories before it in this list: `page_data/` makes the data of a page from the read
model of runs, `acting/` starts the processes of actions, `drawing/` makes SVG pictures, `pages/` answers requests. The
modules beside them build the application and run its server. Only this package imports starlette, uvicorn and Jinja2,
which the extra `flowc[ui]` installs.
"""
