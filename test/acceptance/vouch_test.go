package acceptance

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"granary/test/harness"
)

const (
	vouchSecret = "the-proxy-and-granary-share-this-one"
	cookieName  = "jxVouchCookie"
)

// token returns a signed JWT with the claims.
func token(t *testing.T, secret string, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// claims are those of a cookie for an address, good for an hour.
func claims(email string) jwt.MapClaims {
	return jwt.MapClaims{"CustomClaims": fields{"email": email}, "exp": time.Now().Add(time.Hour).Unix()}
}

// pack makes a token the value of a cookie: base64url of gzip.
func pack(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.URLEncoding.EncodeToString(out.Bytes())
}

// The texts of /get-user-id.
const (
	emailNone   = " retrieving user id for email None"
	badPadding  = "API Error" + emailNone + " : Incorrect padding"
	noClaims    = "API Error" + emailNone + " : 'CustomClaims'"
	noEmail     = "API Error" + emailNone + " : 'email'"
	noneUnknown = "Datastore Error" + emailNone + " : User not found"
	unhandled   = "Unhandled API error : Error" + emailNone
)

// cookieCase is one Cookie header and what it leads to: the user, or a text.
type cookieCase struct {
	name, cookie, text string
}

func checkCookies(t *testing.T, page *harness.Client, id string, cases []cookieCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			client := page
			if tc.cookie != "" {
				client = page.WithHeader("Cookie", tc.cookie)
			}
			answer := client.Post(t, "/get-user-id", fields{"email": ""})
			if tc.text != "" {
				answer.Refused(t, 400, tc.text)
				return
			}
			var who struct {
				ID string `json:"user_id"`
			}
			answer.OK(t, &who)
			if who.ID != id {
				t.Errorf("user_id = %q, want %q", who.ID, id)
			}
		})
	}
}

// TestVerifiedCookie reads the proxy's cookie where its secret is known.
func TestVerifiedCookie(t *testing.T) {
	t.Parallel()
	store := harness.Local(t).With("NACHET_FRONTEND_PUBLIC_URL=https://elsewhere.example,"+origin, "GRANARY_IDENTITY_VOUCH_SECRET="+vouchSecret)
	const address = "kim@lab.example"
	id := uuid.NewString()
	if got := store.Command(t, "user", "create", "--email", address, "--id", id); got != id {
		t.Errorf("granary user create --id = %q, want %q", got, id)
	}
	server := harness.Start(t, store)
	page := harness.NewClient(server.URL, origin)
	good := pack(t, token(t, vouchSecret, claims(address)))
	half := len(good) / 2
	cookie := func(claims jwt.MapClaims) string { return cookieName + "=" + pack(t, token(t, vouchSecret, claims)) }
	expired, early := claims(address), claims(address)
	expired["exp"], early["nbf"] = time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	endless := claims(address)
	delete(endless, "exp")
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims(address)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	checkCookies(t, page, id, []cookieCase{
		{"padded", cookieName + "=" + good, ""},
		{"unpadded", cookieName + "=" + strings.TrimRight(good, "="), ""},
		{"split", cookieName + "_1of2=" + good[:half] + "; " + cookieName + "_2of2=" + good[half:], ""},
		{"split in another order", cookieName + "_2of2=" + good[half:] + "; other=1; " + cookieName + "_1of2=" + good[:half], ""},
		{"split, a part missing", cookieName + "_1of2=" + good[:half], unhandled},
		{"expired", cookie(expired), unhandled},
		{"not valid yet", cookie(early), unhandled},
		{"without expiry", cookie(endless), unhandled},
		{"wrong signature", cookieName + "=" + pack(t, token(t, "another-secret-that-is-not-the-one", claims(address))), unhandled},
		{"unsigned", cookieName + "=" + pack(t, unsigned), unhandled},
		{"no custom claims", cookie(jwt.MapClaims{"exp": expiry()}), noClaims},
		{"no email", cookie(jwt.MapClaims{"exp": expiry(), "CustomClaims": fields{}}), noEmail},
		{"empty email", cookie(claims("")), noEmail},
		{"not base64", cookieName + "=***", badPadding},
		{"not gzip", cookieName + "=" + base64.URLEncoding.EncodeToString([]byte("no gzip at all")), unhandled},
		{"gzip of no token", cookieName + "=" + pack(t, "no token"), unhandled},
		{"unknown address", cookie(claims("nobody@x")), "Datastore Error retrieving user id for email nobody@x : User not found"},
		// Outside the local environment nobody is somebody without a cookie.
		{"none", "", noneUnknown},
	})
	t.Run("body email", func(t *testing.T) {
		page.Post(t, "/get-user-id", fields{"email": address}).Refused(t, 400, noneUnknown)
	})
	t.Run("body is no JSON", func(t *testing.T) {
		page.WithHeader("Cookie", cookieName+"="+good).Post(t, "/get-user-id", "{").RefusedLike(t, 400, unhandled)
	})
	t.Run("native API", func(t *testing.T) {
		native := harness.NewClient(server.URL, "").WithHeader("Cookie", cookieName+"="+good)
		var me struct{ ID string }
		native.Get(t, "/api/v1/me").OK(t, &me)
		if me.ID != id {
			t.Errorf("id = %q, want %q", me.ID, id)
		}
	})
}

func expiry() int64 { return time.Now().Add(time.Hour).Unix() }

// TestProvisioning creates accounts on first sight, and believes cookies
// unverified where the configuration says so.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	store := harness.Local(t).With(
		"NACHET_FRONTEND_PUBLIC_URL="+origin, "GRANARY_IDENTITY_VOUCH_ALLOW_UNVERIFIED=true",
		"GRANARY_VISION_NACHET_PROVISION_USERS=true", "GRANARY_VISION_NACHET_FALLBACK_EMAIL=shared@lab.example",
	)
	server := harness.Start(t, store)
	page := harness.NewClient(server.URL, origin)
	whoami := func(client *harness.Client) string {
		t.Helper()
		var ids [4]string
		crowd(len(ids), func(i int) harness.Answer { // first visits come in parallel
			var who struct {
				ID string `json:"user_id"`
			}
			answer := client.Post(t, "/get-user-id", fields{"email": "body@lab.example"}).OK(t, &who)
			ids[i] = who.ID
			return answer
		})
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("one address is several users: %v", ids)
			}
		}
		return ids[0]
	}
	old := claims("new@lab.example")
	old["exp"] = time.Now().Add(-time.Hour).Unix()
	newcomer := page.WithHeader("Cookie", cookieName+"="+pack(t, token(t, "anybody's", old)))
	id := whoami(newcomer)
	if again := whoami(newcomer); uuid.Validate(id) != nil || again != id {
		t.Errorf("user_id = %q, then %q, want one UUID", id, again)
	}
	shared := whoami(page) // the body's address counts in the local environment only
	if users := store.Command(t, "user", "list"); !strings.Contains(users, "shared@lab.example") || strings.Contains(users, "body@lab.example") {
		t.Errorf("users = %s, want the fallback and not the body's address", users)
	}
	if shared == id {
		t.Error("the fallback is the newcomer")
	}
	v := &visitor{page: page, id: id}
	if folders := v.folders(t); len(folders) != 1 || folders[0].Name != "General" {
		t.Errorf("folders of a newcomer = %+v, want General", folders)
	}
}

// TestLocalEnvironment lets a caller name itself, and otherwise is the
// original's fixed address.
func TestLocalEnvironment(t *testing.T) {
	t.Parallel()
	store := harness.Local(t).With("NACHET_ENV=local", "NACHET_FRONTEND_DEV_URL="+origin)
	store.Command(t, "user", "create", "--email", "named@lab.example")
	page := harness.NewClient(harness.Start(t, store).URL, origin)
	page.Post(t, "/get-user-id", fields{"email": "named@lab.example"}).OK(t, nil)
	const fallback = "example@gmail.com"
	page.Post(t, "/get-user-id", fields{"email": ""}).Refused(t, 400, "Datastore Error retrieving user id for email "+fallback+" : User not found")
	id := store.Command(t, "user", "create", "--email", fallback) // beside the running server
	var who struct {
		ID string `json:"user_id"`
	}
	page.Post(t, "/get-user-id", fields{"email": ""}).OK(t, &who)
	if who.ID != id {
		t.Errorf("user_id = %q, want %q", who.ID, id)
	}
}

// TestCookieUserRequired refuses ids that are not the cookie's, for a front
// end on the same origin.
func TestCookieUserRequired(t *testing.T) {
	t.Parallel()
	store := harness.Local(t).With("GRANARY_IDENTITY_VOUCH_SECRET="+vouchSecret, "GRANARY_VISION_NACHET_REQUIRE_COOKIE_USER=true")
	mine := store.Command(t, "user", "create", "--email", "mine@lab.example")
	theirs := store.Command(t, "user", "create", "--email", "theirs@lab.example")
	server := harness.Start(t, store)
	cookie := cookieName + "=" + pack(t, token(t, vouchSecret, claims("mine@lab.example")))
	anonymous := harness.NewClient(server.URL, "").WithHeader("Sec-Fetch-Site", "same-origin")
	page := anonymous.WithHeader("Cookie", cookie)
	const prefix = "retrieving user directories"
	page.Post(t, "/api/get-directories", fields{"container_name": mine}).OK(t, nil)
	page.Post(t, "/get-directories", fields{"container_name": theirs}).RefusedLike(t, 400, "Datastore Error "+prefix+" : ")
	anonymous.Post(t, "/get-directories", fields{"container_name": mine}).RefusedLike(t, 400, "Unhandled API error : Error "+prefix)
	// A foreign page that makes the browser send the cookie is nobody.
	evil := harness.NewClient(server.URL, "").WithHeader("Cookie", cookie).WithHeader("Origin", "http://evil.example")
	evil.WithHeader("Sec-Fetch-Site", "cross-site").Post(t, "/get-directories", fields{"container_name": mine}).
		RefusedLike(t, 400, "Unhandled API error : Error "+prefix)
	page.Post(t, "/create-dir", fields{"container_name": theirs, "folder_name": "planted"}).RefusedLike(t, 400, "Datastore Error creating directory : ")
}
