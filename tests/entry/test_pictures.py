"""Which picture stands for an entry: cases as people who run feed readers report them, in our own bytes."""

from __future__ import annotations

from html import escape

import pytest

from aggregator.entry.images import lead_image
from tests.entry.field import atom, body, image, only, rss

THUMB = "https://town.example/thumb.jpg"
PAGE = "<link>https://town.example/n/1</link>"
REAL = "https://town.example/eel.jpg"


def item(markup: str, further: str = "") -> str:
    return rss(
        f"<title>Eels</title>{PAGE}<description>{escape(markup)}</description>{further}"
    )


COUNTERS = [
    "https://media.npr.org/include/images/tracking/npr-rss-pixel.png?story=nx-1",
    "https://vg07.met.vgwort.de/na/0123456789abcdef0123456789abcdef",
    "http://ssl-vg03.met.vgwort.de/na/0123456789abcdef",
    "https://stats.town.example/matomo.php?idsite=1&rec=1&action_name=feed",
    "https://town.example/piwik/piwik.php?idsite=3",
    "https://www.facebook.com/tr?id=1&ev=PageView&noscript=1",
    "https://facebook.com/tr/?id=1",
    "http://feeds.feedburner.com/~r/town/~4/abc",
    "https://feedproxy.google.com/~r/town/~4/abc",
    "http://feeds.town.example/~a/Town?i=x",
    "https://track.hubspot.com/__ptq.gif?a=1&k=14",
    "http://feeds.feedblitz.com/~/i/717/0/town",
    "https://assets.feedblitz.com/i/fblike20.png",
    "https://pixel.wp.com/b.gif?host=town.example&blog=1&post=2",
    "http://stats.wordpress.com/b.gif?host=town.example",
    "https://stats.wp.com/g.gif?v=ext",
    "https://town.example/?feed-stats-post-id=17",
    "https://town.example?feed-stats-post-id=17",
    "https://medium.com/_/stat?event=post.clientViewed&referrerSource=full_rss&postId=1",
    "https://counter.theconversation.com/content/1/count.gif?distributor=republish-lightbox-basic",
    "https://t.example/hit",
    "https://t.example/a/b/pixel",
    "https://t.example/img/beacon.gif",
    "https://t.example/track/open.php?u=1&id=2",
    "https://t.example/tracking/i.gif",
    "https://t.example/stats.php?p=1",
    "https://t.example/x/count.aspx?id=1",
    "https://pixel.town.example/p/1",
    "https://b.town.example/b.gif?x=1",
    "https://t.example/p.gif?a",
    "https://www.google-analytics.com/collect?v=1&tid=UA-1",
    "https://ad.doubleclick.net/ddm/trackimp/N1",
    "https://mc.yandex.ru/watch/1",
    "https://hm.baidu.com/hm.gif?si=1",
    "//town.example/matomo.php?rec=1",
    "https://ga-beacon.appspot.com/UA-1/x",
    "https://www.awin1.com/cshow.php?s=1",
    "https://ir-na.amazon-adsystem.com/e/ir?t=x",
    "https://www.assoc-amazon.de/e/ir?t=x",
    "https://ad.zanox.com/ppv/?1",
    "https://ad.linksynergy.com/fs-bin/show?id=1",
    "https://www.ftjcfx.com/image-1-2",
    "https://ad.jp.ap.valuecommerce.com/servlet/gifbanner?sid=1",
    "https://blogger.googleusercontent.com/tracker/1/2",
    "https://rss.town.example/c/1/f/1/mf.gif",
    "https://u1.ct.town.example/wf/open?upn=1",
    "https://click.town.example/open.aspx?ffcb10",
    "https://b.hatena.ne.jp/entry/image/https://town.example/1",
    "http://b.st-hatena.com/images/append.gif",
    "https://static.addtoany.com/buttons/share_save_171_16.png",
    "https://c.example/?id=1&ref=https%3A%2F%2Ftown.example%2Fn%2F1",
    "https://c.example/?p=/n/1.html",
    "https://t.example/pixel?u=17",
    "https://stats.town.example/matomo.php?url=https%3A%2F%2Ftown.example%2Fa.jpg&rec=1",
    "https://t.example/p1.gif?a",
]


@pytest.mark.parametrize("url", COUNTERS)
def test_a_counter_without_a_size_is_no_picture(url: str) -> None:
    markup = f'<p>Water.</p><img src="{escape(url)}">'
    assert image(only(item(markup))) == ""
    assert image(only(item(markup, f'<media:thumbnail url="{THUMB}"/>'))) == THUMB
    assert image(only(item(f'<img src="{escape(url)}"/><img src="{REAL}">'))) == REAL
    assert (
        image(
            only(rss(f'<title>E</title>{PAGE}<media:thumbnail url="{escape(url)}"/>'))
        )
        == ""
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://media.giphy.example/eel/giphy.gif?cid=1",
        "https://town.example/img/phone-pixel.png",
    ],
)
def test_what_may_be_a_counter_gives_way_to_the_thumbnail_and_serves_without_one(
    url: str,
) -> None:
    markup = f'<img src="{url}">'
    assert image(only(item(markup))) == url
    assert image(only(item(markup, f'<media:thumbnail url="{THUMB}"/>'))) == THUMB


@pytest.mark.parametrize(
    "url",
    [
        "https://town.example/pixel-9-review.jpg", "https://town.example/tracking/wolves.jpg", "https://town.example/photo?id=3", "https://town.example/image.php?id=3",
        "https://stats.town.example/chart.png", "https://town.example/count-of-monte-cristo.gif", "https://town.example/hits/summer.png", "https://i.town.example/abc.jpeg?w=1&h=2",
        "https://town.example/n/blank-prompt.png", "https://town.example/n/eel_s.jpg", "https://town.example/n/clear-the-weir.png", "https://town.example/n/white-1x.png",
        "https://town.example/a/weir.gif?itok=x", "https://blog.hubspot.example/hs-fs/a.jpg?t=1", "https://town.example/open/ping-pong.webp", "https://town.example/a/s.jpg",
    ],
)  # fmt: skip
def test_pictures_that_look_a_little_like_counters_are_pictures(url: str) -> None:
    assert lead_image(f'<img src="{escape(url)}">', base_url=PAGE) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://images.weserv.nl/?url=https%3A%2F%2Fpbs.example%2Fabc.jpg",
        "https://images.weserv.nl/?w=600&url=pbs.example/abc.jpg&h=300",
        "https://wsrv.nl/?url=https://pbs.example/photo/17",
        "https://wsrv.nl?url=//pbs.example/photo/17",
        "https://img.example?src=/2026/photo.jpg",
        "https://img.example/?image=%2F2026%2Fphoto.png%3Fv%3D2",
        "https://img.example/px?src=/2026/photo.webp",
        "https://town.example/strips/12.gif?v=3",
        "https://town.example/strips/120.gif?width=600",
    ],
)
def test_a_proxy_of_pictures_and_a_numbered_strip_are_pictures(url: str) -> None:
    one = only(item(f'<p>Eels.</p><img src="{escape(url)}">'))
    assert image(one) == url
    assert escape(url) in body(one)


@pytest.mark.parametrize(
    "further",
    [
        "<image>{}</image>", "<image> \n {} \n</image>", "<image><![CDATA[{}]]></image>", "<image><url>{}</url></image>", '<image url="{}"/>', '<image href="{}"/>',
        "<image><url>{}</url><title>A weir</title><link>https://other.example/</link></image>", "<thumbnail>{}</thumbnail>", '<thumbnail url="{}"/>', "<thumb>{}</thumb>",
        "<picture>{}</picture>", "<image>&lt;![CDATA[{}]]&gt;</image>", '<itunes:image href="{}"/>', "<itunes:image>{}</itunes:image>", '<googleplay:image href="{}"/>',
        '<media:content url="{}" medium="image"/>', '<media:group><media:thumbnail url="{}"/></media:group>', '<enclosure url="{}" type="image/jpeg"/>', '<enclosure url="{}"/>',
        '<media:content url="https://v.example/1.mp4" type="video/mp4"><media:thumbnail url="{}"/></media:content>',
    ],
)  # fmt: skip
@pytest.mark.parametrize("url", [REAL, "/eel.jpg"])
def test_the_picture_in_an_element_of_the_item_is_read(further: str, url: str) -> None:
    one = only(item("Short.", further.format(url)))
    assert (image(one), one.title, one.url, body(one)) == (
        REAL,
        "Eels",
        "https://town.example/n/1",
        "Short.",
    )


def test_the_picture_of_the_channel_is_no_picture_of_its_items() -> None:
    channel = f"<image><url>{REAL}</url><title>Town</title><link>https://town.example/</link></image>"
    assert image(only(item("Short.").replace("<item>", channel + "<item>"))) == ""


def test_an_atom_enclosure_is_a_picture() -> None:
    assert (
        image(
            only(
                atom(
                    f'<title>E</title><link rel="enclosure" type="image/png" href="{REAL}"/>'
                )
            )
        )
        == REAL
    )


GIF = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


@pytest.mark.parametrize(
    "img",
    [
        '<img src="#" data-src="{}">', '<img src="" data-lazy-src="{}">', "<img data-original='{}'>", '<img src="{gif}" data-src="{}">', '<img src="about:blank" data-lazy-src="{}">',
        '<img src="https://town.example/wp-includes/images/blank.gif" data-lazy-src="{}">', '<img src="/img/1x1.trans.gif" data-lazy-src="{}">', '<img src="/i/spacer.gif" data-srcset="{} 1x, {}?2 2x">',
        '<img src="/i/loading-spinner.gif" data-original="{}">', '<img src="{gif}" srcset="{} 800w, {}?2 1600w">', '<img srcset="{} 1x">', '<img src="{gif}" srcset="{gif} 1w" data-srcset="{} 1x">',
        '<img src="{gif}"><noscript><img src="{}"></noscript>', '<img src="#" class="lazy"><noscript><img src="{}" alt="x"/></noscript>', '<img src="/s.gif" data-cfsrc="{}">', '<img src="{gif}" data-large-file="{}">',
        '<img src="{gif}"><img src="{}">', '<img src="#"><img src="{}">', '<img src="data:image/svg+xml,%3Csvg/%3E" lazy-src="{}">', '<img src="{gif}" data-src="{gif}" data-srcset="{} 2x">',
        '<picture><source srcset="{gif}" data-srcset="{}"><img src="{gif}" data-src="{}"></picture>',
    ],
)  # fmt: skip
def test_a_placeholder_does_not_hide_the_real_picture(img: str) -> None:
    markup = img.replace("{gif}", GIF).replace("{}", REAL)
    one = only(item(f"<p>x</p>{markup}", f'<media:thumbnail url="{THUMB}"/>'))
    assert image(one) == REAL
    assert f'="{REAL}' in body(one)


@pytest.mark.parametrize(
    ("img", "shown"),
    [
        (f'<img src="{REAL}" srcset="{GIF}">', 'srcset=""'),
        (f'<img src="{REAL}" srcset="{GIF} 1w">', 'srcset=""'),
        (f'<img src="{REAL}" srcset="/i/blank.gif 1x">', 'srcset=""'),
        (f'<img src="{REAL}" srcset="{GIF}" data-srcset="/eel.jpg 1x, /eel2.jpg 2x">', f'srcset="{REAL} 1x, https://town.example/eel2.jpg 2x"'),
        (f'<img src="{REAL}" srcset="{GIF}" data-lazy-srcset="{REAL} 1x">', f'srcset="{REAL} 1x"'),
        (f'<img src="{REAL}" srcset="{GIF} 1w, {REAL} 800w">', f'srcset="{GIF} 1w, {REAL} 800w"'),
        (f'<picture><source data-srcset="{REAL} 1x"><img src="{REAL}"></picture>', f' srcset="{REAL} 1x"'),
        (f'<picture><source srcset="{GIF}" data-srcset="/eel.jpg"><img src="{REAL}"></picture>', f' srcset="{REAL}"'),
        (f'<img src="{REAL}" srcset="/eel.jpg 1x">', f'srcset="{REAL} 1x"'),
        (f'<img src="{REAL}" srcset="">', 'srcset=""'),
    ],
)  # fmt: skip
def test_a_placeholder_in_srcset_does_not_go_before_the_picture(
    img: str, shown: str
) -> None:
    assert shown in body(only(item(img)))


@pytest.mark.parametrize(
    "img",
    [
        '<img src="#">',
        '<img src="">',
        f'<img src="{GIF}">',
        "<img>",
        '<img src="/undefined">',
        '<img src="javascript:x">',
        '<img src="#top" alt="x">',
        '<img hidden src="/e.jpg">',
    ],
)
def test_what_shows_nothing_is_no_picture(img: str) -> None:
    assert image(only(item(f"<p>x</p>{img}"))) == ""
    assert image(only(item(f"<p>x</p>{img}", f"<image>{THUMB}</image>"))) == THUMB


def test_each_picture_of_noscript_is_kept_unless_it_is_shown_already() -> None:
    lazy = f'<img data-src="{REAL}"><noscript><img src="{REAL}"></noscript>'
    other = f'<img src="{GIF}"><noscript><img src="/weir.jpg"></noscript>'
    shown = body(only(item(lazy + other)))
    assert (shown.count("eel.jpg"), shown.count("weir.jpg")) == (
        2,
        1,
    )  # one picture has both data-src and src
    assert "noscript" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://t.example/o/abc",
        "https://t.example/p/abc?id=1",
        "https://t.example/open.gif",
        "https://eel.example/a.gif",
        "https://secure.gravatar.com/avatar/abc?s=96",
        "https://town.example/icons/facebook.png",
        "https://town.example/share-button.gif",
    ],
)
def test_what_is_not_surely_a_picture_gives_way_to_the_feeds_own(url: str) -> None:
    markup = f'<p>Eels.</p><img src="{url}">'
    assert image(only(item(markup, f'<media:thumbnail url="{THUMB}"/>'))) == THUMB
    assert image(only(item(markup))) == url


@pytest.mark.parametrize(
    "img",
    [
        '<img src="https://town.example/p/abc" width="600">',
        '<img src="https://town.example/p/abc?format=jpg">',
        '<img src="https://images.town.example/p/abc">',
        '<img src="https://town.example/uploads/abc">',
        '<image src="https://town.example/eel.jpg">',
    ],
)
def test_what_is_surely_a_picture_of_the_body_comes_first(img: str) -> None:
    found = image(only(item(f"<p>Eels.</p>{img}", f'<media:thumbnail url="{THUMB}"/>')))
    assert found not in ("", THUMB)


def test_the_authors_face_is_no_picture_of_a_post() -> None:
    face = '<media:content url="https://0.gravatar.com/avatar/1?s=96" medium="image"/>'
    own = f'<media:content url="{REAL}" medium="image"/>'
    assert image(only(item("<p>Eels.</p>", face + own))) == REAL
    assert image(only(item("<p>Eels.</p>", face))) == ""


def test_an_image_element_is_edited_like_an_img() -> None:
    shown = body(only(item('<p>Eels.</p><image src="/eel.jpg">')))
    assert 'src="https://town.example/eel.jpg" referrerpolicy="no-referrer"' in shown
