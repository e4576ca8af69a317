package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"granary/internal/platform/secrets"
)

// problems checks every value and how values fit together. Keys in skip were
// not understood and already reported.
func (c *Config) problems(origins Origins, skip map[string]bool) []error {
	var found []error
	report := func(path, format string, args ...any) {
		if skip[path] {
			return
		}
		origin := origins.Of[path]
		if origin == "" {
			origin = "not set"
		}
		found = append(found, fmt.Errorf("%s (%s): %w", path, origin, fmt.Errorf(format, args...)))
	}
	for _, s := range sections() {
		for _, k := range s.keys {
			if k.fileOf != "" {
				continue
			}
			if err := k.check(k.field(c)); err != nil {
				report(k.path, "%w", err)
			}
		}
	}
	if c.Data == "" {
		report("data", "must name a folder")
	}
	c.checkListeners(report)
	c.checkStores(report)
	c.checkWeb(report)
	c.checkPeople(report)
	return found
}

// check applies the enum, min and max tags.
func (k key) check(value reflect.Value) error {
	if len(k.enum) > 0 {
		items := []string{value.String()}
		if list, ok := value.Interface().([]string); ok {
			items = list
		}
		for _, item := range items {
			if !slices.Contains(k.enum, item) {
				return fmt.Errorf("%q is not one of %s", item, strings.Join(k.enum, ", "))
			}
		}
	}
	for _, bound := range []struct {
		text, word string
		sign       float64
	}{{k.min, "least", -1}, {k.max, "most", 1}} {
		if bound.text == "" {
			continue
		}
		limit := reflect.New(k.typ).Elem()
		if err := decode(limit, bound.text); err != nil {
			return fmt.Errorf("bound in the tag: %w", err)
		}
		if bound.sign*(magnitude(value)-magnitude(limit)) > 0 {
			return fmt.Errorf("must be at %s %s", bound.word, bound.text)
		}
	}
	return nil
}

func magnitude(v reflect.Value) float64 {
	if v.CanFloat() {
		return v.Float()
	}
	return float64(v.Int())
}

type reporter func(path, format string, args ...any)

func (c *Config) checkListeners(report reporter) {
	seen := map[string]bool{}
	address := func(path, value string) {
		host, port, err := net.SplitHostPort(value)
		switch {
		case err != nil:
			report(path, "%q is not an address such as 127.0.0.1:8080", value)
		case !validPort(port):
			report(path, "%q has no port between 0 and 65535", value)
		case strings.ContainsAny(host, "/ "):
			report(path, "%q is not an address such as 127.0.0.1:8080", value)
		case seen[value] && port != "0":
			report(path, "%q is listened on twice", value)
		}
		seen[value] = true
	}
	address("listen", c.Listen)
	if c.Jobs.Listen != "" {
		address("jobs.listen", c.Jobs.Listen)
	}
	checkTLS("web.tls.cert_file", "", c.Web.TLS, report)
	for i, l := range c.Listeners {
		address("listeners", l.Address)
		checkTLS("listeners", fmt.Sprintf("entry %d: ", i+1), l.TLS, report)
		if l.Prefix != "" && !validPrefix(l.Prefix) {
			report("listeners", "entry %d: prefix %q must begin with / and not end with it", i+1, l.Prefix)
		}
	}
}

func validPort(text string) bool {
	var port uint16
	n, err := fmt.Sscanf(text, "%d", &port)
	return n == 1 && err == nil && fmt.Sprint(port) == text
}

func validPrefix(prefix string) bool {
	return strings.HasPrefix(prefix, "/") && !strings.HasSuffix(prefix, "/") && !strings.ContainsAny(prefix, "{} ?#")
}

func checkTLS(path, which string, t TLS, report reporter) {
	if (t.CertFile == "") != (t.KeyFile == "") {
		report(path, "%scert_file and key_file are needed together", which)
	}
	if t.ClientCAFile != "" && t.CertFile == "" {
		report(path, "%sclient_ca_file needs cert_file and key_file", which)
	}
}

func (c *Config) checkStores(report reporter) {
	if !hasScheme(c.Database.URL, "sqlite:", "file:", "postgres://", "postgresql://", "postgresql+", "postgres+") {
		report("database.url", "must begin with sqlite: or postgres://")
	}
	if !isConnectionString(c.Blob.URL) && !hasScheme(c.Blob.URL, "file:", "azblob://", "s3://") {
		report("blob.url", "must begin with file:, azblob:// or s3://, or be an Azure connection string")
	}
	if c.Blob.Container == "" && isConnectionString(c.Blob.URL) {
		report("blob.container", "must name a container, because blob.url is a connection string")
	}
	if c.Secrets.Key != "" {
		if _, err := secrets.ParseKey(c.Secrets.Key); err != nil {
			report("secrets.key", "%w", err)
		}
	}
	legacy := c.Vision.Legacy
	if legacy.DatabaseURL != "" && !hasScheme(legacy.DatabaseURL, "postgres://", "postgresql://", "postgresql+", "postgres+") {
		report("vision.legacy.database_url", "must begin with postgres://")
	}
	if legacy.ConnectionString != "" && !isConnectionString(legacy.ConnectionString) {
		report("vision.legacy.connection_string", "is not an Azure storage connection string")
	}
}

func hasScheme(value string, schemes ...string) bool {
	return slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(value, s) && len(value) > len(s) })
}

// isConnectionString recognises Azure's NAME=value;… form, the emulator's
// short form included.
func isConnectionString(value string) bool {
	for part := range strings.SplitSeq(value, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "DefaultEndpointsProtocol", "AccountName", "BlobEndpoint", "UseDevelopmentStorage":
			return true
		}
	}
	return false
}

func (c *Config) checkWeb(report reporter) {
	if c.Web.PublicURL != "" {
		if err := checkOrigin(strings.TrimSuffix(c.Web.PublicURL, "/")); err != nil {
			report("web.public_url", "%w", err)
		}
	}
	for _, proxy := range c.Web.TrustedProxies {
		_, prefixErr := netip.ParsePrefix(proxy)
		_, addrErr := netip.ParseAddr(proxy)
		if prefixErr != nil && addrErr != nil {
			report("web.trusted_proxies", "%q is neither an address nor a network such as 10.0.0.0/8", proxy)
		}
	}
	for _, origin := range c.Web.CORSOrigins {
		if err := checkOrigin(origin); err != nil {
			report("web.cors_origins", "%w", err)
		}
	}
	for _, origin := range c.Vision.Nachet.CORSOrigins {
		if err := checkOrigin(origin); err != nil {
			report("vision.nachet.cors_origins", "%w", err)
		}
	}
	if len(c.Vision.Nachet.Prefixes) == 0 {
		report("vision.nachet.prefixes", "must name at least one path")
	}
	for _, prefix := range c.Vision.Nachet.Prefixes {
		if prefix != "/" && !validPrefix(prefix) {
			report("vision.nachet.prefixes", "%q must begin with / and not end with it", prefix)
		}
	}
	if c.Vision.Nachet.BodyBudgetBytes < c.Vision.Nachet.MaxBodyBytes {
		report("vision.nachet.body_budget_bytes", "must be at least vision.nachet.max_body_bytes (%s)", c.Vision.Nachet.MaxBodyBytes)
	}
	if seedData := c.Vision.Nachet.SeedDataURL; seedData != "" && !hasScheme(seedData, "http://", "https://") {
		report("vision.nachet.seed_data_url", "must begin with http:// or https://")
	}
}

// checkOrigin demands what browsers send in Origin (RFC 6454 section 6.2).
func checkOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || text != u.Scheme+"://"+u.Host {
		return fmt.Errorf("%q is not of the form https://host or http://host:port", text)
	}
	return nil
}

func (c *Config) checkPeople(report reporter) {
	if c.Identity.SessionAbsolute < c.Identity.SessionIdle {
		report("identity.session_absolute", "must be at least identity.session_idle (%s)", c.Identity.SessionIdle)
	}
	if c.Identity.Vouch.CookieName == "" || strings.ContainsAny(c.Identity.Vouch.CookieName, "=;, \t") {
		report("identity.vouch.cookie_name", "%q is not a cookie name", c.Identity.Vouch.CookieName)
	}
	if c.Identity.Vouch.Secret != "" && c.Identity.Vouch.AllowUnverified {
		report("identity.vouch.allow_unverified", "contradicts identity.vouch.secret")
	}
	for _, account := range []struct{ path, email string }{
		{"vision.nachet.fallback_email", c.Vision.Nachet.FallbackEmail},
		{"vision.nachet.dev_user_email", c.Vision.Nachet.DevUserEmail},
	} {
		if account.email != "" && !strings.Contains(account.email, "@") {
			report(account.path, "%q is not an e-mail address", account.email)
		}
	}
}

// errNotLoopback is why an address is not used.
var errNotLoopback = errors.New("only loopback is used until somebody can sign in with a password, identity.vouch.secret is set or identity.allow_remote is true")

// Bind returns the address to listen on for a configured one. Without anybody
// who could be identified (accounts says whether one exists) an address other
// than loopback becomes the loopback address of the same port, and the error
// says why; the server goes on with it and tells the operator.
func (c *Config) Bind(address string, accounts bool) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("listen address: %w", err)
	}
	if accounts || c.Identity.AllowRemote || c.Identity.Vouch.Secret != "" || isLoopback(host) {
		return address, nil
	}
	return net.JoinHostPort("127.0.0.1", port), fmt.Errorf("%s: %w", address, errNotLoopback)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
