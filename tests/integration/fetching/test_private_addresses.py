"""Links and redirects into the private network: refused by the address that a name resolves to, unless configured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clerk.fetching.addresses import configured, is_public
from clerk.fetching.connections import Network
from clerk.fetching.visitor import NotServed, Trouble, VisitLimits, Visitor
from devtools.city_site import Answer, CitySite, page, serving

FAST = VisitLimits(pause=0, patience=0, attempts=1)


@pytest.fixture
def inside() -> Iterator[CitySite]:
    """Serve something that is not for us."""
    with serving() as site:
        site.routes["/secret"] = page("secret")
        yield site


@pytest.fixture
def visitor(city: CitySite) -> Visitor:
    return Visitor(allowed=[f"{city.url}/Calendar.aspx"], limits=FAST, headers={"X-Api-Key": "key"})


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.100.100.200", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_link_into_the_private_network_is_refused(
    visitor: Visitor, inside: CitySite, host: str, tmp_path: Path
) -> None:
    port = inside.url.rpartition(":")[2]
    with pytest.raises(NotServed, match=r"leads to the private address .* CLERK_FETCH_PRIVATE_HOSTS"):
        visitor.download(f"http://{host}:{port}/secret", tmp_path / "a.pdf")
    assert inside.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_into_the_private_network_is_refused(
    visitor: Visitor, city: CitySite, inside: CitySite, method: str
) -> None:
    city.routes["/x"] = Answer(status=307, headers={"Location": f"{inside.url}/secret"})
    with pytest.raises(NotServed, match="private address"):
        visitor.request(method, f"{city.url}/x", content=b"token")
    assert (city.paths(), inside.requests) == (["/x"], [])


def test_what_a_site_has_configured_is_allowed_with_its_scheme_host_and_port(visitor: Visitor, city: CitySite) -> None:
    city.routes["/x"] = page("hello")
    assert visitor.request("GET", f"{city.url}/x").text == "hello"
    with pytest.raises(NotServed, match="private address"):
        visitor.request("GET", f"{city.url}/x".replace("http", "https"))
    with pytest.raises(NotServed, match="private address"):
        visitor.request("GET", f"{city.url}/x".replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("allowed", ["{host}", "{host}:{port}", "LOCALHOST, {host}", "127.0.0.0/8"])
def test_the_operator_may_allow_a_host(
    visitor: Visitor, inside: CitySite, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, host, port = inside.url.replace("//", "").split(":")
    monkeypatch.setenv("CLERK_FETCH_PRIVATE_HOSTS", allowed.format(host=host, port=port))
    assert visitor.request("GET", f"{inside.url}/secret").text == "secret"


@pytest.mark.parametrize(
    "extra",
    [
        '{"list": [{"url": "http://10.0.0.1/x"}], "start": 2024}',
        {"list": [{"url": "http://10.0.0.1/x"}]},
        "http://10.0.0.1/x",
    ],
)
def test_the_addresses_of_an_extra_are_found(extra: object) -> None:
    assert list(configured(extra)) == ["http://10.0.0.1/x"]


@pytest.mark.parametrize("extra", [None, "", "damaged {", '{"client": "town"}', 7])
def test_an_extra_without_addresses_has_none(extra: object) -> None:
    assert list(configured(extra)) == []


def test_a_key_is_not_sent_on_to_another_host(
    visitor: Visitor, city: CitySite, inside: CitySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLERK_FETCH_PRIVATE_HOSTS", inside.url.removeprefix("http://"))
    city.routes["/x"] = Answer(status=302, headers={"Location": f"{inside.url}/secret"})
    visitor.request("GET", f"{city.url}/x", headers={"Authorization": "Bearer token"})
    secret = {"x-api-key", "authorization"}
    sent = [secret & set(map(str.lower, request.headers)) for request in (*city.requests, *inside.requests)]
    assert sent == [secret, set()]
    city.routes["/y"] = Answer(status=302, headers={"Location": "/z"})
    city.routes["/z"] = page("here")
    visitor.request("GET", f"{city.url}/y")
    assert city.requests[-1].headers["X-Api-Key"] == "key"


def test_a_proxy_of_the_environment_is_used_and_not_led_inside(
    city: CitySite, inside: CitySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", city.url)
    monkeypatch.delenv("no_proxy", raising=False)
    city.routes |= {"/x": page("by the proxy"), "/secret": page("secret")}
    visitor = Visitor(limits=FAST)
    assert visitor.request("GET", "http://town.invalid/x").text == "by the proxy"
    with pytest.raises(NotServed, match="private address"):
        visitor.request("GET", f"{inside.url}/secret")
    assert city.paths() == ["/x"]


def test_connections_that_cannot_be_guarded_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another httpx may keep its connections elsewhere."""
    monkeypatch.setattr(httpx.HTTPTransport, "_pool", None, raising=False)
    monkeypatch.setattr(httpx.HTTPTransport, "__init__", lambda self, **options: None)
    with pytest.raises(RuntimeError, match="no connections that can be guarded"):
        Network().client()


def test_a_host_that_does_not_exist_may_come_back(visitor: Visitor) -> None:
    with pytest.raises(Trouble, match="ConnectError"):
        visitor.request("GET", "http://town.invalid/x")


def test_a_name_that_cannot_be_one_is_final(visitor: Visitor) -> None:
    with pytest.raises(NotServed):
        visitor.request("GET", f"http://{'a' * 70}.invalid/x")
