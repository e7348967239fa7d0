"""web-scraper: addresses of pages in, one a line; out comes what stands in each
page: its title, headings and links."""

import time
from urllib.error import URLError
from urllib.request import Request, urlopen

from page import Page

MOST = 5_000_000  # bytes of a page that are looked at


def run(context, input, pause="0.1"):
    for line in input:
        url = line.strip()
        if not url:
            continue
        try:
            yield {"url": url, **scrape(url)}
        except (URLError, ValueError, OSError) as err:
            # A page that cannot be read is an answer, too.
            yield {"url": url, "error": str(err)}
        time.sleep(float(pause))  # be kind to servers


def scrape(url):
    if not url.startswith(("http://", "https://")):
        raise ValueError("not an address of a web page")  # urlopen would open files, too
    request = Request(url, headers={"User-Agent": "waverider-example/1.0"})
    with urlopen(request, timeout=30) as response:
        text = response.read(MOST).decode(response.headers.get_content_charset("utf-8"), "replace")
        page = Page(response.geturl())  # after redirects
    page.feed(text)
    return {"title": page.title, "headings": page.headings, "links": page.links}
