package cloud

import (
	"context"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/fault"
)

const testKey = "c2VjcmV0" // base64 of "secret"

func TestParseConnectionString(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		want     endpoint
	}{
		{
			"azure", "DefaultEndpointsProtocol=https;AccountName=lab;AccountKey=" + testKey + ";EndpointSuffix=core.windows.net",
			endpoint{"https://lab.blob.core.windows.net", "lab", testKey},
		},
		{"least", "AccountName=lab;AccountKey=" + testKey, endpoint{"https://lab.blob.core.windows.net", "lab", testKey}},
		{
			"key that is not base64", "AccountName=lab;AccountKey=" + testKey + "==", endpoint{},
		},
		{
			"azurite",
			"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" + testKey + ";BlobEndpoint=http://127.0.0.1:7/devstoreaccount1/; FileEndpoint=http://x/;;",
			endpoint{"http://127.0.0.1:7/devstoreaccount1", "devstoreaccount1", testKey},
		},
		{
			"signature", "BlobEndpoint=https://lab.example/;SharedAccessSignature=?sv=1&sig=a%3D",
			endpoint{"https://lab.example?sv=1&sig=a%3D", "", ""},
		},
		{"no key", "AccountName=lab", endpoint{}},
		{"no account", "AccountKey=" + testKey, endpoint{}},
		{"key without account", "BlobEndpoint=https://lab.example;AccountKey=" + testKey, endpoint{}},
		{"other scheme", "BlobEndpoint=ftp://lab.example;AccountName=lab;AccountKey=" + testKey, endpoint{}},
		{"no equals sign", "AccountName=lab;hunter2", endpoint{}},
		{"empty", "", endpoint{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseConnectionString(tc.in)
			if got != tc.want {
				t.Errorf("parseConnectionString(%q) = %+v, want %+v", tc.in, got, tc.want)
			}
			if refused := tc.want == (endpoint{}); refused != fault.Is(err, fault.Invalid) {
				t.Errorf("parseConnectionString(%q) error = %v, want one: %t", tc.in, err, refused)
			}
			if err != nil && (strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v shows the secret", err)
			}
		})
	}
	e, err := parseConnectionString("UseDevelopmentStorage=true")
	if err != nil || e.account != "devstoreaccount1" || e.url != "http://127.0.0.1:10000/devstoreaccount1" {
		t.Errorf("development storage = %s at %s, %v", e.account, e.url, err)
	}
}

func TestIsConnectionString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"UseDevelopmentStorage=true": true, "AccountName=a;AccountKey=b": true,
		"BlobEndpoint=https://x;SharedAccessSignature=y": true, "DefaultEndpointsProtocol=https;AccountName=a": true,
		"": false, "file:/var/blobs": false, "s3://bucket?region=a": false, "azblob://accountname": false,
		"file:/AccountName=x": false,
	} {
		if got := IsConnectionString(in); got != want {
			t.Errorf("IsConnectionString(%q) = %t, want %t", in, got, want)
		}
	}
}

func FuzzParseConnectionString(f *testing.F) {
	for _, seed := range []string{
		developmentStorage, "UseDevelopmentStorage=true", "AccountName=lab;AccountKey=" + testKey,
		"BlobEndpoint=https://lab.example/;SharedAccessSignature=?sv=1", ";;=;a", "AccountKey=%%;AccountName=\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		e, err := parseConnectionString(in)
		if (err == nil) == (e.url == "") {
			t.Errorf("parseConnectionString(%q) = %+v, %v, want an address or an error", in, e, err)
		}
		if err == nil {
			if _, err := OpenAccount(in); err != nil && strings.Contains(err.Error(), testKey) {
				t.Errorf("OpenAccount(%q) = %v, which shows the key", in, err)
			}
		}
	})
}

func TestUnreachableStorageIsUnavailable(t *testing.T) {
	t.Parallel()
	account, err := OpenAccount("AccountName=a;AccountKey=" + testKey + ";BlobEndpoint=http://127.0.0.1:1/a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := account.Container(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // cuts the retries short
	defer cancel()
	if _, err := b.Put(ctx, "a/b", "", strings.NewReader("x")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Put = %v, want unavailable", err)
	}
	if _, err := b.Stat(ctx, "a/b"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Stat = %v, want unavailable", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
