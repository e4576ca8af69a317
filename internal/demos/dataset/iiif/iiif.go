// Package iiif reads manifests of the IIIF Presentation API, versions 2 and 3,
// as far as a list of pictures goes: which pages there are, and the addresses
// at which the IIIF Image API gives them. It fetches nothing.
//
//	text ─► Parse ─► Manifest ─► Page.Addresses
package iiif

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"granary/internal/platform/fault"
)

// Manifest is the list of pictures of one object, such as a book.
type Manifest struct {
	// Title is the value of the metadata entry "Title"; empty when there is none.
	Title string
	// Pages are the pictures, in order.
	Pages []Page
}

// Page is one picture.
type Page struct {
	// Service is the base address of its image service, without a slash at the
	// end; empty when it has none.
	Service string
	// Address is the picture as the manifest names it; it may be empty.
	Address string
	// Label is that of the canvas; it may be empty.
	Label string
	// Width and Height are in pixels; 0 when the manifest does not say.
	Width, Height int
}

// Src names the picture whatever size it is asked for in.
func (p Page) Src() string {
	if p.Service != "" {
		return p.Service
	}
	return p.Address
}

// Addresses are where to ask for the picture, the best first: from the service
// with the longest side cut to maxSide, then to minSide, then as the manifest
// names it (IIIF Image API, section 4.2: "w," and ",h").
func (p Page) Addresses(maxSide, minSide int) []string {
	var all []string
	if p.Service != "" {
		for _, side := range []int{maxSide, minSide} {
			all = append(all, p.Service+"/full/"+p.size(side)+"/0/default.jpg")
		}
	}
	if p.Address != "" {
		all = append(all, p.Address)
	}
	return slices.Compact(all)
}

// size asks for no more than there is: a service need not enlarge.
func (p Page) size(side int) string {
	switch {
	case p.Width <= 0 || p.Height <= 0:
		return fmt.Sprintf("%d,", side)
	case p.Width >= p.Height:
		return fmt.Sprintf("%d,", min(side, p.Width))
	default:
		return fmt.Sprintf(",%d", min(side, p.Height))
	}
}

// The parts of a manifest that are read; what varies between versions and
// publishers stays raw.
type (
	manifest struct {
		Sequences []struct {
			Canvases []canvas `json:"canvases"`
		} `json:"sequences"`
		Items    []canvas `json:"items"`
		Metadata []struct {
			Label json.RawMessage `json:"label"`
			Value json.RawMessage `json:"value"`
		} `json:"metadata"`
	}
	canvas struct {
		Label  json.RawMessage `json:"label"`
		Images []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"images"`
		Items []struct {
			Items []struct {
				Body json.RawMessage `json:"body"`
			} `json:"items"`
		} `json:"items"`
	}
	resource struct {
		OldID   string          `json:"@id"`
		ID      string          `json:"id"`
		Width   json.RawMessage `json:"width"`
		Height  json.RawMessage `json:"height"`
		Service json.RawMessage `json:"service"`
		Default json.RawMessage `json:"default"` // the first choice, version 2
		Items   json.RawMessage `json:"items"`   // the choices, version 3
	}
)

// Parse reads a manifest. A page whose addresses are not http or https has
// none of them. Errors: fault.Invalid.
func Parse(text []byte) (Manifest, error) {
	var raw manifest
	if err := json.Unmarshal(text, &raw); err != nil {
		return Manifest{}, fault.New(fault.Invalid, "the manifest cannot be read: %w", err)
	}
	var m Manifest
	for _, entry := range raw.Metadata {
		if strings.EqualFold(plain(entry.Label), "title") {
			m.Title = plain(entry.Value)
			break
		}
	}
	switch {
	case len(raw.Sequences) > 0:
		for _, c := range raw.Sequences[0].Canvases {
			for _, image := range c.Images {
				m.Pages = append(m.Pages, page(image.Resource, c.Label))
			}
		}
	case len(raw.Items) > 0:
		for _, c := range raw.Items {
			if len(c.Items) == 0 {
				continue
			}
			for _, annotation := range c.Items[0].Items {
				m.Pages = append(m.Pages, page(annotation.Body, c.Label))
			}
		}
	default:
		return Manifest{}, fault.New(fault.Invalid, "the manifest has neither sequences nor items: it is no IIIF Presentation 2 or 3")
	}
	if len(m.Pages) == 0 {
		return Manifest{}, fault.New(fault.Invalid, "the manifest has no pictures")
	}
	return m, nil
}

// page reads one picture: a resource, a list of them or a choice between some,
// of which the first counts.
func page(raw, label json.RawMessage) Page {
	r := first(raw)
	switch {
	case len(r.Default) > 0:
		r = first(r.Default)
	case len(r.Items) > 0:
		r = first(r.Items)
	}
	p := Page{Address: web(r.OldID, r.ID), Label: plain(label), Width: count(r.Width), Height: count(r.Height)}
	if service := first(r.Service); service.OldID != "" || service.ID != "" {
		p.Service = strings.TrimRight(web(service.ID, service.OldID), "/")
	} else if parts := request.FindStringSubmatch(p.Address); parts != nil {
		p.Service = parts[1]
	}
	return p
}

// request is the address of a whole picture at an image service.
var request = regexp.MustCompile(`^(https?://.+)/full/[^/?#]+/[^/?#]+/[a-z]+\.[a-z]+$`)

// first reads an object, or the first one of a list.
func first(raw json.RawMessage) resource {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		if len(list) == 0 {
			return resource{}
		}
		raw = list[0]
	}
	var r resource
	if json.Unmarshal(raw, &r) != nil {
		return resource{}
	}
	return r
}

// web returns the first of the addresses that is one of the web.
func web(addresses ...string) string {
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(address) < 8<<10 {
			return address
		}
	}
	return ""
}

// count reads a length in pixels; some publishers write text.
func count(raw json.RawMessage) int {
	v, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || v < 1 || v > 1e6 {
		return 0
	}
	return int(v)
}

// maxText bounds a label or title, in characters.
const maxText = 500

// plain returns the text of a label or value: a string, an object with
// "@value" (version 2), one of lists by language (version 3), or a list of
// those, of which the first with text counts.
func plain(raw json.RawMessage) string { return clip(anyText(raw, 3)) }

func anyText(raw json.RawMessage, depth int) string {
	var text string
	if len(raw) == 0 || depth == 0 || json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for _, item := range list {
			if text := anyText(item, depth-1); text != "" {
				return text
			}
		}
		return ""
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	keys := []string{"@value", "none", "en", "fr"}
	rest := make([]string, 0, len(object))
	for key := range object {
		if !slices.Contains(keys, key) && !strings.HasPrefix(key, "@") {
			rest = append(rest, key)
		}
	}
	slices.Sort(rest)
	for _, key := range append(keys, rest...) {
		if text := anyText(object[key], depth-1); text != "" {
			return text
		}
	}
	return ""
}

func clip(text string) string {
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText])
	}
	return text
}
