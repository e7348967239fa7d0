"""What is of interest in a page, found while its HTML is read."""

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

HEADINGS = {"h1", "h2", "h3"}


class Page(HTMLParser):
    def __init__(self, url):
        super().__init__()
        self.url = url
        self.title = None
        self.headings = []
        self.links = []
        self.tag = None  # whose text is being read
        self.text = []

    def handle_starttag(self, tag, attrs):
        if tag == "title" or tag in HEADINGS:
            self.tag, self.text = tag, []
        href = dict(attrs).get("href")
        if tag == "a" and href:
            link = urldefrag(urljoin(self.url, href)).url
            if link.startswith("http") and link not in self.links:
                self.links.append(link)

    def handle_data(self, data):
        if self.tag:
            self.text.append(data)

    def handle_endtag(self, tag):
        if tag != self.tag:
            return
        text = " ".join("".join(self.text).split())
        if tag != "title":
            self.headings.append(text)
        elif self.title is None:
            self.title = text
        self.tag = None
