package dataset

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"granary/internal/platform/fault"
)

// The types of a document: what its source is.
const (
	TypeZip     = "zip"      // an archive of pictures
	TypeIIIF    = "iiif"     // a IIIF Presentation manifest, version 2 or 3
	TypeURLList = "url_list" // a JSON object of picture addresses by name
	TypePDF     = "pdf"
	TypeImage   = "img" // one picture
)

// types are in the order in which a document is looked up by its uid alone.
func types() []string { return []string{TypeZip, TypeIIIF, TypeURLList, TypePDF, TypeImage} }

// maxUID is the longest uid in bytes, so that it and a suffix fit a file name.
const maxUID = 200

// maxSrc is the longest source in bytes.
const maxSrc = 8 << 10

// Document is one source of pictures. Normal makes one that can be used.
type Document struct {
	// UID names the document within its type, and its folder.
	UID string `json:"uid"`
	// Type is one of the types above.
	Type string `json:"type"`
	// Src is the address to download from.
	Src string `json:"src"`
}

// Normal returns the document with its uid sanitised, or made from the source
// when it has none. Errors: fault.Invalid for an unknown type (in the words
// that existing clients show) and for a uid that cannot name a folder.
func (d Document) Normal() (Document, error) {
	if !slices.Contains(types(), d.Type) {
		return Document{}, fault.New(fault.Invalid, "Unknown document type: %.40s", d.Type)
	}
	if len(d.Src) > maxSrc || !utf8.ValidString(d.Src) {
		return Document{}, fault.New(fault.Invalid, "the source of a document must be an address of at most %d bytes", maxSrc)
	}
	name := d.UID
	if strings.TrimSpace(name) == "" {
		name = d.Src
	}
	if !utf8.ValidString(name) {
		return Document{}, fault.New(fault.Invalid, "the uid of a document must be text in UTF-8")
	}
	d.UID = Sanitise(name)
	if err := checkUID(d.UID); err != nil {
		return Document{}, err
	}
	return d, nil
}

// checkUID refuses what cannot name a folder on every system.
func checkUID(uid string) error {
	switch {
	case uid == "":
		return fault.New(fault.Invalid, "the document has no uid and no source")
	case len(uid) > maxUID:
		return fault.New(fault.Invalid, "the uid of a document may have %d bytes, this one has %d; give a shorter one", maxUID, len(uid))
	case strings.ContainsAny(uid, "/.\x7f"), strings.ContainsFunc(uid, unicode.IsControl):
		return fault.New(fault.Invalid, "the uid %q cannot name a folder", uid)
	}
	return nil
}

// Set is the documents of a job and what is cut out of them.
type Set struct {
	Documents []Document
	// Crops is the list of crops as the client sent it; empty for whole pictures.
	Crops json.RawMessage
}

// UID names the set: BaseUID, and behind an @ the CropsUID when there are crops.
func (s Set) UID() string {
	if crops := CropsUID(s.Crops); crops != "" {
		return BaseUID(s.Documents) + "@" + crops
	}
	return BaseUID(s.Documents)
}
