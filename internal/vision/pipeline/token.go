package pipeline

import (
	"encoding/base64"
	"strings"

	"github.com/fernet/fernet-go"

	"granary/internal/platform/fault"
)

const (
	// tokenPrefix starts every Fernet token made before the year 2106: version
	// 0x80 and the zero high bytes of the time.
	tokenPrefix = "gAAAA"
	// minToken is the size of a token with one block of text.
	minToken = 1 + 8 + 16 + 16 + 32
)

// opener decrypts the secrets of a pipeline file.
type opener struct{ keys []*fernet.Key }

// newOpener reads a key of base64url with 32 bytes; no key is fine.
func newOpener(key string) (opener, error) {
	if key = strings.TrimSpace(key); key == "" {
		return opener{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(key, "="))
	if err != nil || len(raw) != 32 {
		return opener{}, fault.New(fault.Invalid, "the pipeline decryption key is not base64url of 32 bytes")
	}
	var k fernet.Key
	copy(k[:], raw)
	return opener{[]*fernet.Key{&k}}, nil
}

// value returns plain text as it is and decrypts what looks like a token. No
// age limit applies: files are read for years. Errors name the field, never
// its value.
func (o opener) value(model, field, value string) (string, error) {
	token := strings.TrimSpace(value)
	if !strings.HasPrefix(token, tokenPrefix) {
		return value, nil
	}
	if len(o.keys) == 0 {
		return "", fault.New(fault.Invalid, "the %s of model %q is encrypted and no decryption key is set", field, model)
	}
	// The library takes what it can of malformed base64 and trusts the length.
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) < minToken {
		return "", fault.New(fault.Invalid, "the %s of model %q is a damaged token", field, model)
	}
	text := fernet.VerifyAndDecrypt([]byte(token), 0, o.keys)
	if text == nil {
		return "", fault.New(fault.Invalid, "the %s of model %q cannot be decrypted with the decryption key", field, model)
	}
	return string(text), nil
}
