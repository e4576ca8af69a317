package pages

import (
	"context"
	"strconv"

	"granary/internal/console/ui"
	"granary/internal/vision"
)

// Cards are what a visitor can do right now, with how things stand.
func (s *Section) Cards(ctx context.Context, l *ui.Locale) ([]ui.Card, error) {
	set, err := s.service.DefaultSet(ctx)
	if err != nil {
		return nil, err
	}
	listings, err := s.service.Listings(ctx, user(ctx).UserID)
	if err != nil {
		return nil, err
	}
	var first string
	waiting, pictures := 0, 0
	for _, listing := range listings {
		pictures += len(listing.Pictures)
		for _, line := range listing.Pictures {
			if lineState(line) == "waiting" {
				if waiting++; first == "" {
					first = line.ID
				}
			}
		}
	}
	sample := ui.Card{
		Icon: "seed", Title: l.T("card.sample"), Text: l.T("card.sample_text"),
		Href: root + "/sample", Action: l.T("card.sample_action"), Primary: true, Post: true,
	}
	upload := ui.Card{
		Icon: "upload", Title: l.T("card.upload"), Text: l.T("card.upload_text"),
		Href: folderHref(set.ID), Action: l.T("card.upload_action"), Primary: pictures > 0,
	}
	if pictures > 0 {
		upload.Figure, upload.Unit = l.Int(int64(pictures)), l.T("card.pictures_unit", pictures)
	}
	review := ui.Card{
		Icon: "check", Title: l.T("card.review"), Text: l.T("card.review_text"),
		Figure: l.Int(int64(waiting)), Unit: l.T("card.review_unit", waiting), Href: root, Action: l.T("card.review_action"),
	}
	if first != "" {
		review.Href = pictureHref(first)
	}
	train := ui.Card{
		Icon: "model", Title: l.T("card.train"), Text: l.T("card.train_text"), Href: root + "/models", Action: l.T("card.train_action"),
	}
	versions, err := s.service.ModelVersions(ctx)
	if err != nil {
		return nil, err
	}
	for i := range versions {
		if versions[i].State == vision.VersionActive {
			train.Figure = l.Percent(versions[i].Accuracy)
			train.Unit = l.T("card.train_unit", strconv.FormatInt(versions[i].Number, 10))
		}
	}
	if pictures == 0 {
		// There is nothing to review yet, but there can be at once.
		return []ui.Card{sample, upload, train}, nil
	}
	return []ui.Card{upload, review, train}, nil
}
