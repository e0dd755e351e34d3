"""What an operator can do about a feed in trouble, in one sentence for each class of failure. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.model import FailureKind, Health, PollState

_REMEDIES: Mapping[FailureKind, tuple[str, str]] = {
    FailureKind.DNS: (
        "Check the host's name: no name server knows it.",
        "请检查主机名：没有域名服务器认识它。",
    ),
    FailureKind.CONNECT: (
        "Wait; if it lasts, see whether the site has moved.",
        "请稍候；若持续，请看网站是否已搬迁。",
    ),
    FailureKind.TLS: (
        "Open the address in a browser: its certificate is not accepted. An own authority goes into [fetch] ca_file.",
        "请在浏览器中打开该地址：其证书不被接受。自有的证书机构可写入 [fetch] ca_file。",
    ),
    FailureKind.TIMEOUT: (
        "Wait; for a slow server raise [fetch] timeout.",
        "请稍候；服务器慢时可调高 [fetch] timeout。",
    ),
    FailureKind.RESET: ("Wait: the connection broke off.", "请稍候：连接中断。"),
    FailureKind.TOO_LARGE: (
        "Raise max_body of this feed.",
        "请调高该订阅源的 max_body。",
    ),
    FailureKind.TOO_MANY_REDIRECTS: (
        "Open the address in a browser and write the one where it ends.",
        "请在浏览器中打开该地址，并改写为最终到达的地址。",
    ),
    FailureKind.PRIVATE_ADDRESS: (
        "It leads into a private network; if that is meant, name it in [fetch] allowed_networks.",
        "它指向内部网络；若确为本意，请写入 [fetch] allowed_networks。",
    ),
    FailureKind.BAD_URL: (
        "Mend the address in feeds.toml.",
        "请在 feeds.toml 中改正地址。",
    ),
    FailureKind.HTTP_STATUS: (
        "Wait; if it lasts, ask the publisher.",
        "请稍候；若持续，请询问发布者。",
    ),
    FailureKind.THROTTLED: (
        "Raise min_interval: the server asks for fewer requests.",
        "请调高 min_interval：服务器要求减少请求。",
    ),
    FailureKind.BOT_WALL: (
        "The site lets only browsers through; ask the publisher to admit us, or remove the feed.",
        "该网站只放行浏览器；请发布者放行，或移除此订阅源。",
    ),
    FailureKind.UNAUTHORIZED: (
        "Give the feed its auth, or renew what it has.",
        "请为该订阅源配置 auth，或更新凭据。",
    ),
    FailureKind.NOT_FOUND: (
        "Look for the feed's new address: aggregator feeds add with the address of the site.",
        "请寻找新的地址：用网站地址运行 aggregator feeds add。",
    ),
    FailureKind.GONE: (
        "The publisher ended it: remove it.",
        "发布者已停止提供：请移除。",
    ),
    FailureKind.NOT_A_FEED: (
        "It is a page, not a feed: aggregator feeds add with its address finds the feed.",
        "这是网页而非订阅源：用其地址运行 aggregator feeds add 可找到订阅源。",
    ),
    FailureKind.CREDENTIALS: (
        "Set the variable, or make the file readable, that its auth names.",
        "请设置 auth 所指的变量，或让所指的文件可读。",
    ),
}
_OTHERWISE = ("Wait: it is tried again by itself.", "请稍候：会自动重试。")
_QUARANTINED = (
    "See whether the entries are real, then: aggregator feeds release {feed_id}",
    "请确认条目属实，然后运行：aggregator feeds release {feed_id}",
)


def remedy_of(state: PollState, tongue: str) -> str:
    """What to do about the feed; '' where nothing is wrong."""
    if state.health in (Health.OK, Health.NEW):
        return ""
    pair = _OTHERWISE
    if state.health is Health.QUARANTINED:
        pair = _QUARANTINED
    elif state.failure_kind:
        pair = _REMEDIES.get(state.failure_kind, _OTHERWISE)
    english, chinese = pair
    text = chinese if tongue == "zh" else english
    return text.format(feed_id=state.feed_id)
