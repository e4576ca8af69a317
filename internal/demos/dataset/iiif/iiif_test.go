package iiif_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/dataset/iiif"
	"granary/internal/platform/fault"
)

const version2 = `{"@context":"http://iiif.io/api/presentation/2/context.json","metadata":[
	{"label":"Date","value":"1200"},{"label":[{"@value":"Title","@language":"en"}],"value":{"@value":"Codex"}}],
	"sequences":[{"canvases":[
		{"label":"f. 1r","images":[{"resource":{"@id":"http://h/i/1/full/full/0/default.jpg","width":4000,"height":6000,"service":{"@id":"http://h/i/1/"}}}]},
		{"label":["f. 1v"],"images":[{"resource":{"@type":"oa:Choice","default":{"@id":"http://h/i/2/full/800,/0/native.jpg","width":"800","height":600.0},"item":[]}}]},
		{"images":[{"resource":{"@id":"http://h/plain.jpg","width":"","height":null,"service":[{"@id":"http://h/i/3"}]}},{"resource":{"@id":"file:///etc/passwd"}}]}
	]},{"canvases":[{"images":[{"resource":{"@id":"http://h/other"}}]}]}]}`

const version3 = `{"@context":"http://iiif.io/api/presentation/3/context.json","type":"Manifest",
	"metadata":[{"label":{"fr":["Titre"],"en":["Title"]},"value":{"none":["Codex"]}}],
	"items":[
		{"type":"Canvas","label":{"none":["1"]},"items":[{"type":"AnnotationPage","items":[{"body":{"id":"http://h/1.jpg","type":"Image","width":300,"height":200,
			"service":[{"id":"http://h/i/1","type":"ImageService3"}]}}]}]},
		{"type":"Canvas","label":{"de":["2"]},"items":[{"items":[{"body":{"type":"Choice","items":[{"id":"http://h/2.jpg"},{"id":"http://h/x.jpg"}]}}]}]},
		{"type":"Canvas"}]}`

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       iiif.Manifest
	}{
		{"version 2", version2, iiif.Manifest{Title: "Codex", Pages: []iiif.Page{
			{Service: "http://h/i/1", Address: "http://h/i/1/full/full/0/default.jpg", Label: "f. 1r", Width: 4000, Height: 6000},
			{Service: "http://h/i/2", Address: "http://h/i/2/full/800,/0/native.jpg", Label: "f. 1v", Width: 800, Height: 600},
			{Service: "http://h/i/3", Address: "http://h/plain.jpg"},
			{},
		}}},
		{"version 3", version3, iiif.Manifest{Title: "Codex", Pages: []iiif.Page{
			{Service: "http://h/i/1", Address: "http://h/1.jpg", Label: "1", Width: 300, Height: 200},
			{Address: "http://h/2.jpg", Label: "2"},
		}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := iiif.Parse([]byte(tc.text))
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Parse = %v (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, text := range []string{"", "[]", "{}", `{"items":[{}]}`, `{"sequences":[{}]}`, `{"sequences":5}`, "<html>"} {
		if got, err := iiif.Parse([]byte(text)); !fault.Is(err, fault.Invalid) {
			t.Errorf("Parse(%q) = %v, %v; want it refused", text, got, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		page iiif.Page
		want []string
	}{
		{"tall", iiif.Page{Service: "http://h/i", Address: "http://h/a.jpg", Width: 4000, Height: 6000}, []string{
			"http://h/i/full/,2500/0/default.jpg", "http://h/i/full/,1000/0/default.jpg", "http://h/a.jpg",
		}},
		{"small", iiif.Page{Service: "http://h/i", Width: 800, Height: 600}, []string{"http://h/i/full/800,/0/default.jpg"}},
		{"of unknown size", iiif.Page{Service: "http://h/i"}, []string{"http://h/i/full/2500,/0/default.jpg", "http://h/i/full/1000,/0/default.jpg"}},
		{"without a service", iiif.Page{Address: "http://h/a.jpg"}, []string{"http://h/a.jpg"}},
		{"without anything", iiif.Page{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.page.Addresses(2500, 1000)); diff != "" {
				t.Errorf("Addresses (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	// Short ones, which the fuzzer makes smaller in no time.
	f.Add([]byte(`{"sequences":[{"canvases":[{"images":[{"resource":{"@id":"http://h/i/full/full/0/a.jpg","service":{"@id":"http://h/i"}}}]}]}]}`))
	f.Add([]byte(`{"items":[{"items":[{"items":[{"body":{"id":"http://h/a","width":3,"height":"2"}}]}]}]}`))
	f.Add([]byte(`{"metadata":[{"label":{"en":["Title"]},"value":"x"}],"sequences":[]}`))
	f.Add([]byte(`{"items":[{"label":{"a":{"b":{"c":["d"]}}},"items":[{"items":[{"body":[[]]}]}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := iiif.Parse(text)
		if err != nil {
			return
		}
		for _, p := range m.Pages {
			for _, address := range p.Addresses(2500, 1000) {
				if u, err := url.Parse(address); err == nil && u.Scheme != "http" && u.Scheme != "https" {
					t.Errorf("a page has the address %q", address)
				}
			}
		}
	})
}
