package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/web"
)

// authority issues certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate and its key as PEM.
func (a *authority) issue(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, foreign := newAuthority(t, "ours"), newAuthority(t, "foreign")
	certPEM, keyPEM := ours.issue(t)
	files := web.TLS{CertFile: writeFile(t, "cert.pem", certPEM), KeyFile: writeFile(t, "key.pem", keyPEM)}
	mutual := files
	mutual.ClientCAFile = writeFile(t, "ca.pem", ours.pem)
	door := &arrayDoor{"d", []web.Route{route("GET", "/page", web.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, r.Proto+" "+origin(r))
	}))}}
	b := setup(t, web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0", TLS: files}, {Address: "127.0.0.1:0", TLS: mutual}}}, web.Entry{Door: door})
	b.start(t)
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	keyPair := func(a *authority) []tls.Certificate {
		pair, err := tls.X509KeyPair(a.issue(t))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{pair}
	}
	for _, tc := range []struct {
		name     string
		listener int
		certs    []tls.Certificate
		http2    bool
		maximum  uint16
		ok       bool
	}{
		{"plain tls", 0, nil, false, 0, true},
		{"http/2", 0, nil, true, 0, true},
		{"too old a version", 0, nil, false, tls.VersionTLS11, false},
		{"client certificate missing", 1, nil, false, 0, false},
		{"client certificate of another authority", 1, keyPair(foreign), false, 0, false},
		{"client certificate", 1, keyPair(ours), false, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			transport := &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: tc.certs, MaxVersion: tc.maximum},
				ForceAttemptHTTP2: tc.http2,
			}
			t.Cleanup(transport.CloseIdleConnections)
			addr := b.Addrs()[tc.listener].String()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/page", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(r)
			if (err == nil) != tc.ok {
				t.Fatalf("GET over tls: %v, want success = %t", err, tc.ok)
			}
			if err != nil {
				return
			}
			text := bodyOf(t, response)
			if !strings.HasSuffix(text, "https://"+addr) || strings.HasPrefix(text, "HTTP/2") != tc.http2 {
				t.Errorf("GET over tls = %q, want http2 = %t and the https origin", text, tc.http2)
			}
			if response.Header.Get("Strict-Transport-Security") == "" {
				t.Error("an https page has no Strict-Transport-Security")
			}
		})
	}
}

func TestTLSFilesThatDoNotLoad(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	certPEM, keyPEM := ours.issue(t)
	cert, key := writeFile(t, "cert.pem", certPEM), writeFile(t, "key.pem", keyPEM)
	for name, files := range map[string]web.TLS{
		"missing":     {CertFile: "/does/not/exist", KeyFile: key},
		"swapped":     {CertFile: key, KeyFile: cert},
		"ca missing":  {CertFile: cert, KeyFile: key, ClientCAFile: "/does/not/exist"},
		"ca not pem":  {CertFile: cert, KeyFile: key, ClientCAFile: writeFile(t, "ca.pem", []byte("hello"))},
		"ca is a key": {CertFile: cert, KeyFile: key, ClientCAFile: key},
	} {
		door := &arrayDoor{"d", []web.Route{route("GET", "/a", web.Public, say("a"))}}
		b := setup(t, web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0", TLS: files}}}, web.Entry{Door: door})
		if err := b.Start(t.Context()); err == nil {
			b.Stop()
			t.Errorf("%s: Start succeeded, want an error", name)
		}
	}
}
