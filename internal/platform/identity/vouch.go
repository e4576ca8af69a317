package identity

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"granary/internal/platform/fault"
)

const (
	// maxVouchPacked bounds the cookie's value in bytes, maxVouchUnpacked what
	// its gzip stream may become.
	maxVouchPacked   = 64 << 10
	maxVouchUnpacked = 64 << 10
	// maxVouchParts bounds a split cookie.
	maxVouchParts = 16
	// vouchLeeway is the clock difference that is tolerated.
	vouchLeeway = 60 * time.Second
)

// VouchConfig says how the cookie of a Vouch proxy is read. With neither a
// Secret nor AllowUnverified the cookie is ignored, as if it were not sent.
type VouchConfig struct {
	// CookieName defaults to jxVouchCookie.
	CookieName string
	// Secret is the proxy's HS256 key (vouch.jwt.secret).
	Secret string
	// AllowUnverified believes any cookie when no Secret is set, signature and
	// expiry unseen. Only for a server that nobody but the proxy can reach.
	AllowUnverified bool
	// Issuer, when set, must be the verified token's iss.
	Issuer string
	// Audience, when set, must be among the verified token's aud.
	Audience string
}

// Why a Vouch cookie is not accepted, in the order in which it is read. All
// are Unauthenticated; none quotes the cookie.
var (
	ErrVouchIncomplete = vouchError("a part of the split cookie is missing")
	ErrVouchTooLarge   = vouchError("it is too large")
	ErrVouchNotBase64  = vouchError("it is not base64url")
	ErrVouchNotGzip    = vouchError("it is not gzip")
	ErrVouchMalformed  = vouchError("it holds no token")
	ErrVouchUntrusted  = vouchError("it is not signed by the configured proxy")
	ErrVouchExpired    = vouchError("it has expired or is not valid yet")
	ErrVouchNoClaims   = vouchError("the claim CustomClaims is missing")
	ErrVouchNoEmail    = vouchError("the claim email is missing")
)

func vouchError(problem string) error {
	return fault.New(fault.Unauthenticated, "the proxy's sign-in cookie is not accepted: %s", problem)
}

// VouchEmail returns the e-mail address in the request's Vouch cookie
// (base64url of gzip of a JWT, claim CustomClaims.email). present is false
// when no such cookie was sent or none is configured. A cookie that is not
// accepted is one of the ErrVouch errors.
func (s *Service) VouchEmail(r *http.Request) (email string, present bool, err error) {
	return s.vouch.email(r)
}

type vouch struct {
	cfg    VouchConfig
	parser *jwt.Parser
}

func newVouch(cfg VouchConfig, now func() time.Time) *vouch {
	if cfg.CookieName == "" {
		cfg.CookieName = "jxVouchCookie"
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithLeeway(vouchLeeway), jwt.WithExpirationRequired(), jwt.WithTimeFunc(now),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	return &vouch{cfg: cfg, parser: jwt.NewParser(options...)}
}

func (v *vouch) email(r *http.Request) (email string, present bool, err error) {
	if v.cfg.Secret == "" && !v.cfg.AllowUnverified {
		return "", false, nil
	}
	packed, present, err := v.cookie(r)
	if err != nil || !present {
		return "", present, err
	}
	token, err := unpackVouch(packed)
	if err != nil {
		return "", true, err
	}
	claims, err := v.claims(token)
	if err != nil {
		return "", true, err
	}
	custom, ok := claims["CustomClaims"]
	if !ok || custom == nil {
		return "", true, ErrVouchNoClaims
	}
	fields, ok := custom.(map[string]any)
	if !ok {
		return "", true, ErrVouchMalformed
	}
	if email, _ = fields["email"].(string); email == "" {
		return "", true, ErrVouchNoEmail
	}
	return email, true, nil
}

// cookie returns the packed value, put together when the proxy had to split
// it into NAME_1ofN … NAME_NofN.
func (v *vouch) cookie(r *http.Request) (packed string, present bool, err error) {
	parts := make(map[string]string)
	count := 0
	for _, c := range r.Cookies() {
		if c.Name == v.cfg.CookieName {
			return c.Value, true, nil
		}
		suffix, ok := strings.CutPrefix(c.Name, v.cfg.CookieName+"_")
		if !ok {
			continue
		}
		for n := 1; n <= maxVouchParts; n++ {
			if suffix == fmt.Sprintf("1of%d", n) {
				count = n
			}
		}
		parts[suffix] = c.Value
	}
	if len(parts) == 0 {
		return "", false, nil
	}
	var whole strings.Builder
	for i := 1; i <= count; i++ {
		part, ok := parts[fmt.Sprintf("%dof%d", i, count)]
		if !ok {
			return "", true, ErrVouchIncomplete
		}
		whole.WriteString(part)
	}
	if count == 0 {
		return "", true, ErrVouchIncomplete
	}
	return whole.String(), true, nil
}

// unpackVouch undoes base64url and gzip. Both alphabets and missing padding
// are accepted. An unpadded value that then turns out not to be gzip counts
// as not base64, which is what a reader that insists on padding calls it.
func unpackVouch(packed string) (string, error) {
	if len(packed) > maxVouchPacked {
		return "", ErrVouchTooLarge
	}
	text := strings.TrimRight(packed, "=")
	padded := len(packed)%4 == 0
	raw, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(text))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrVouchNotBase64, err)
	}
	unpacker, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		if !padded {
			return "", fmt.Errorf("%w: %w", ErrVouchNotBase64, err)
		}
		return "", fmt.Errorf("%w: %w", ErrVouchNotGzip, err)
	}
	token, err := io.ReadAll(io.LimitReader(unpacker, maxVouchUnpacked+1))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrVouchNotGzip, err)
	}
	if len(token) > maxVouchUnpacked {
		return "", ErrVouchTooLarge
	}
	return string(token), nil
}

// claims returns the token's claims, verified when a secret is configured.
func (v *vouch) claims(token string) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	if v.cfg.Secret == "" {
		if _, _, err := v.parser.ParseUnverified(token, claims); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrVouchMalformed, err)
		}
		return claims, nil
	}
	_, err := v.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) {
		return []byte(v.cfg.Secret), nil
	})
	switch {
	case err == nil:
		return claims, nil
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, fmt.Errorf("%w: %w", ErrVouchMalformed, err)
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return nil, fmt.Errorf("%w: %w", ErrVouchExpired, err)
	default:
		return nil, fmt.Errorf("%w: %w", ErrVouchUntrusted, err)
	}
}
