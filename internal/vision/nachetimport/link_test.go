package nachetimport

import (
	"strings"
	"testing"
)

const (
	pictureID = "39a4e2cb-7388-47dd-a72a-a2d1feb189b2"
	userID    = "3b49fc8a-f2e5-43e0-96c0-f8ff07f2b4a9"
)

func TestParseLink(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		link string
		want place
		ok   bool
	}{
		{"General/" + pictureID, place{"", "General", pictureID}, true},
		{" /trial 1/" + pictureID, place{"", "trial 1", pictureID}, true},
		{"a/b/" + pictureID, place{"", "a/b", pictureID}, true},
		{pictureID, place{"", "", pictureID}, true},
		{
			"https://acct.blob.core.windows.net/user-" + userID + "/my%20set/" + pictureID + "?sv=1#x",
			place{"user-" + userID, "my set", pictureID},
			true,
		},
		{
			"HTTP://127.0.0.1:10000/devstoreaccount1/user-" + userID + "/" + userID + "/old/" + pictureID,
			place{"user-" + userID, userID + "/old", pictureID},
			true,
		},
		{"https://elsewhere.example/files/" + pictureID, place{"", "files", pictureID}, true},
		{"https://elsewhere.example/" + pictureID, place{"", "", pictureID}, true},
		{"https://elsewhere.example", place{}, false},
		{"https://%zz/x", place{}, false},
		{"General/", place{folder: "General"}, false},
		{"", place{}, false},
	} {
		got, ok := parseLink(test.link)
		if got != test.want || ok != test.ok {
			t.Errorf("parseLink(%q) = %+v, %v, want %+v, %v", test.link, got, ok, test.want, test.ok)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	for _, link := range []string{
		"General/" + pictureID, "https://acct.blob.core.windows.net/user-" + userID + "/x/" + pictureID,
		"http://127.0.0.1:10000/devstoreaccount1/user-" + userID + "/a//b/", "://", "https://[::1", "/", "\x00/\xff",
	} {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		got, ok := parseLink(link)
		if ok != (got.name != "") || strings.Contains(got.name, "/") {
			t.Errorf("parseLink(%q) = %+v, %v, want one name without slashes, or none", link, got, ok)
		}
		if _, owned := containerOwner(got.container); got.container != "" && !owned {
			t.Errorf("parseLink(%q) = %+v, want no container but a user's", link, got)
		}
	})
}

func TestContainerOwner(t *testing.T) {
	t.Parallel()
	for container, want := range map[string]string{
		"user-" + userID: userID, "gold-tier-" + userID: userID, "-" + userID: "", userID: "", "user" + userID: "",
		"user-x" + userID[1:]: "", "granary": "", "": "",
	} {
		if got, ok := containerOwner(container); got != want || ok != (want != "") {
			t.Errorf("containerOwner(%q) = %q, %v, want %q", container, got, ok, want)
		}
	}
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"trial": "trial", " a/b\n": "a-b-", "..": "", "": "", "\xffx": "x", strings.Repeat("é", 300): strings.Repeat("é", maxName),
	} {
		if got := cleanName(name); got != want {
			t.Errorf("cleanName(%q) = %q, want %q", name, got, want)
		}
	}
}
