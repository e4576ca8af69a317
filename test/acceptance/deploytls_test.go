package acceptance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"granary/test/harness"
)

// TestDeployedTLS puts the nginx that docs/deploy-demos.md shows for a front
// end's host before a listener that takes only clients with a certificate.
func TestDeployedTLS(t *testing.T) {
	t.Parallel()
	nginx := installed(t, "nginx")
	store := harness.Local(t)
	dir, port, secure := t.TempDir(), freePort(t), freePort(t)
	authority := newAuthority(t, dir)
	authority.issue(t, "gpu", x509.ExtKeyUsageServerAuth, "gpu.lab.example")
	authority.issue(t, "front", x509.ExtKeyUsageClientAuth, "front.lab.example")
	store.Write(t, "granary.yaml", fmt.Appendf(nil, `
listeners:
  - address: 127.0.0.1:%s
    doors: [discover]
    tls: {cert_file: %[2]s/gpu.pem, key_file: %[2]s/gpu.key, client_ca_file: %[2]s/lab-ca.pem}
demos: {public_url: "http://127.0.0.1:%[3]s"}
`, secure, dir, port))
	harness.Start(t, store)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "deploy-demos.md"))
	if err != nil {
		t.Fatal(err)
	}
	site := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindSubmatch(page)
	if site == nil {
		t.Fatal("docs/deploy-demos.md shows no site for nginx")
	}
	text := strings.NewReplacer("127.0.0.1:8001", "127.0.0.1:"+port, "https://gpu.lab.example:8443", "https://127.0.0.1:"+secure, "/etc/nginx/", dir+"/").Replace(string(site[1]))
	background(t, port, nginx, "-e", "stderr", "-c", nginxConfig(t, dir, text))

	l := &lab{server: harness.NewClient("http://127.0.0.1:"+port, "")}
	l.front = l.newFront(t)
	id := l.start(t, "/similarity", fields{"documents": []fields{{"type": "zip", "src": l.front.URL + "/first.zip"}}})
	l.events(t, id, "SUCCESS")
	var status struct {
		Log struct {
			Dataset string `json:"dataset_url"`
		} `json:"log"`
	}
	l.server.Get(t, "/similarity/"+id+"/status").OK(t, &status)
	l.server.Get(t, strings.TrimPrefix(status.Log.Dataset, l.server.Base)).OK(t, nil)

	pool := x509.NewCertPool()
	pool.AddCert(authority.certificate)
	stranger := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "gpu.lab.example"}}
	conn, err := stranger.DialContext(t.Context(), "tcp", "127.0.0.1:"+secure)
	if err == nil { // TLS 1.3: the client is done before the server has looked
		_, err = conn.Read(make([]byte, 1))
		if closing := conn.Close(); closing != nil {
			t.Log("close:", closing)
		}
	}
	// The alert's type is not exported (RFC 8446 section 6.2, certificate_required).
	if err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("a client without a certificate: %v, want the alert that one is required", err)
	}
}

// authority issues certificates for a test, into a folder.
type authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate, a.key = a.sign(t, "lab-ca", template)
	return a
}

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(t *testing.T, name string, usage x509.ExtKeyUsage, host string) {
	t.Helper()
	a.sign(t, name, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
	})
}

// sign makes a key and a certificate for it, signed by the authority, or by
// itself while there is none.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: raw}, name + ".key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}
