package pages

import (
	"context"
	"net/url"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
)

// maxHits bounds the hits of each kind of object.
const maxHits = 20

// Search finds the caller's folders, pipelines and seeds by a part of their
// name, and a picture by its id.
func (s *Section) Search(ctx context.Context, l *ui.Locale, query string) ([]ui.Hit, error) {
	wanted := strings.ToLower(query)
	var hits []ui.Hit
	add := func(found *int, icon, text, kind, href string) {
		if strings.Contains(strings.ToLower(text), wanted) && *found < maxHits {
			*found++
			hits = append(hits, ui.Hit{Icon: icon, Text: text, Kind: l.T(kind), Href: href})
		}
	}
	picture, _, err := s.service.Picture(ctx, query)
	switch {
	case err == nil:
		hits = append(hits, ui.Hit{Icon: "picture", Text: pictureName(&picture), Kind: l.T("search.picture"), Href: pictureHref(picture.ID)})
	case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden):
		return nil, err
	}
	listings, err := s.service.Listings(ctx, user(ctx).UserID)
	if err != nil {
		return nil, err
	}
	folders := 0
	for _, listing := range listings {
		add(&folders, "folder", folderName(listing.PictureSet), "search.folder", folderHref(listing.ID))
	}
	pipelines, err := s.service.Pipelines(ctx)
	if err != nil {
		return nil, err
	}
	found := 0
	for i := range pipelines {
		add(&found, "pipeline", pipelines[i].Name, "pipeline.one", pipelineHref(pipelines[i].ID))
	}
	seeds, err := s.service.Seeds(ctx)
	if err != nil {
		return nil, err
	}
	named := 0
	for _, seed := range seeds {
		add(&named, "seed", seed.Name, "search.seed", root+"/seeds?q="+url.QueryEscape(seed.Name))
	}
	return hits, nil
}
