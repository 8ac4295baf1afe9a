"""A browser that signs in at an identity provider."""

import http.cookies
import urllib.parse

SIGN_IN, SESSION = "__Host-tellercast-sign-in", "__Host-tellercast-session"


class Browser:
    def __init__(self, server, provider):
        self.http, self.provider, self.cookies = server, provider, {}

    def get(self, path):
        return self.ask("GET", path)

    def ask(self, method, path, **headers):
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        answer = self.http.ask(method, path, headers={**cookie, **headers})
        for line in answer.headers.get_all("Set-Cookie", []):
            morsel = next(iter(http.cookies.SimpleCookie(line).values()))
            assert morsel["secure"] and morsel["httponly"] and morsel["path"] == "/" and not morsel["domain"], line
            assert morsel["samesite"] == ("Strict" if morsel.key == SESSION else "Lax"), line
            if morsel["max-age"] == "0":
                self.cookies.pop(morsel.key, None)
            else:
                self.cookies[morsel.key] = morsel.value
        return answer

    def begin(self, subject="sub-of-ann", **claims):
        """Signs in at the provider. Returns what it sends the browser back with."""
        answer = self.get("/v1/login")
        assert answer.status == 303 and answer.headers["Cache-Control"] == "no-store", answer
        return self.provider.authorize(answer.headers["Location"], subject, **claims)

    def end(self, query):
        return self.get("/v1/login/callback?" + urllib.parse.urlencode(query))

    def sign_in(self, subject="sub-of-ann", **claims):
        answer = self.end(self.begin(subject, **claims))
        assert answer.status == 200, answer
        return answer.json()

    def me(self):
        return self.get("/v1/me")
