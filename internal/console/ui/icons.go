package ui

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"io/fs"
)

// loadIcons reads templates/icons.svg: one <symbol id> for each icon, drawn on a
// 16-unit square with a 1.5-unit stroke. Icons are written into the page, so
// that they appear with the text and take its colour.
func loadIcons(from fs.FS) (map[string]template.HTML, error) {
	data, err := fs.ReadFile(from, "templates/icons.svg")
	if err != nil {
		return nil, fmt.Errorf("read icons: %w", err)
	}
	var sheet struct {
		Symbols []struct {
			ID    string `xml:"id,attr"`
			Inner string `xml:",innerxml"`
		} `xml:"symbol"`
	}
	if err := xml.Unmarshal(data, &sheet); err != nil {
		return nil, fmt.Errorf("parse icons: %w", err)
	}
	icons := make(map[string]template.HTML, len(sheet.Symbols))
	for _, s := range sheet.Symbols {
		//nolint:gosec // G203: our own embedded drawing, no outside text
		icons[s.ID] = template.HTML(`<svg class="icon icon-` + s.ID + `" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + s.Inner + `</svg>`)
	}
	return icons, nil
}
