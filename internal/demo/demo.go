package demo

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"granary/internal/vision"
)

// Config says where the server is and what to show.
type Config struct {
	// URL is the server's address, Token an API token of the account UserID,
	// which may retrain.
	URL, Token, UserID string
	// Apps are the installed demo apps that this machine can run.
	Apps []string
	// Pipeline names the objects.
	Pipeline string
	// Samples is a folder of further PNG pictures; it need not exist.
	Samples string
	// Output is the folder for the annotated picture.
	Output string
	// Log receives the report.
	Log io.Writer
}

// coinLabel is what the expert of the demo calls the objects of the photograph.
const coinLabel = "Coin"

// pictures is how many pictures of seeds are drawn; half of them teach.
const pictures = 8

// Run shows the loop and then the apps, and returns when its result is printed.
func Run(ctx context.Context, cfg Config) error {
	began := time.Now()
	d := &demo{cfg: cfg, client: &client{base: cfg.URL, token: cfg.Token, http: &http.Client{Timeout: time.Minute}}}
	seeds, err := drawn(pictures)
	if err != nil {
		return err
	}
	photograph, err := open("coins.png", coins)
	if err != nil {
		return err
	}
	folder, err := d.client.createFolder(ctx, cfg.UserID, "Demo-"+began.UTC().Format("2006-01-02-150405"))
	if err != nil {
		return err
	}
	d.folder = folder
	before, err := d.score(ctx, seeds[pictures/2:])
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Log, "before any feedback: %s\n", before)
	if err := d.teach(ctx, seeds[:pictures/2], photograph); err != nil {
		return err
	}
	after, err := d.score(ctx, seeds[pictures/2:])
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Log, "after it:            %s\n", after)
	if err := d.show(ctx, photograph); err != nil {
		return err
	}
	further, err := own(cfg.Samples)
	if err != nil {
		return err
	}
	for _, one := range further {
		if err := d.show(ctx, one); err != nil {
			return err
		}
	}
	fmt.Fprintf(cfg.Log, "the whole loop took %.1f s\n", time.Since(began).Seconds())
	return d.collections(ctx)
}

type demo struct {
	cfg    Config
	client *client
	folder string
}

// teach gives an expert's names for every box of the seed pictures and for
// half of the photograph's, and trains on them.
func (d *demo) teach(ctx context.Context, seeds []sample, photograph sample) error {
	named := 0
	for _, one := range seeds {
		found, err := d.classify(ctx, one)
		if err != nil {
			return err
		}
		var corrections []correction
		for _, box := range found.Boxes {
			name := match(box.Box, one.truth) // "" rejects: there is no seed
			corrections = append(corrections, correction{BoxID: box.ID, Label: name, Box: box.Box})
		}
		if err := d.client.correct(ctx, d.cfg.UserID, found.ID, corrections); err != nil {
			return err
		}
		named += len(corrections)
	}
	found, err := d.classify(ctx, photograph)
	if err != nil {
		return err
	}
	var corrections []correction
	for i, box := range found.Boxes {
		if i%2 == 0 {
			corrections = append(corrections, correction{BoxID: box.ID, Label: coinLabel, Box: box.Box})
		}
	}
	if err := d.client.correct(ctx, d.cfg.UserID, found.ID, corrections); err != nil {
		return err
	}
	fmt.Fprintf(d.cfg.Log, "expert feedback:     %d boxes named through the API, retraining …\n", named+len(corrections))
	return d.client.retrain(ctx)
}

func (d *demo) classify(ctx context.Context, one sample) (inference, error) {
	return d.client.classify(ctx, d.cfg.UserID, d.folder, d.cfg.Pipeline, one.png, one.width, one.height)
}

// tally counts what was found and named right.
type tally struct{ objects, found, right int }

// String says it in percent.
func (t tally) String() string {
	if t.objects == 0 {
		return "no objects"
	}
	return fmt.Sprintf("%d of %d seeds found, %.0f %% of the found ones named right",
		t.found, t.objects, 100*float64(t.right)/float64(max(t.found, 1)))
}

// score classifies pictures that nobody gives feedback on and compares.
func (d *demo) score(ctx context.Context, seeds []sample) (tally, error) {
	var t tally
	for _, one := range seeds {
		result, err := d.classify(ctx, one)
		if err != nil {
			return t, err
		}
		t.objects += len(one.truth)
		for _, box := range result.Boxes {
			if name := match(box.Box, one.truth); name != "" {
				t.found++
				if name == box.Label {
					t.right++
				}
			}
		}
	}
	return t, nil
}

// show prints the table of a picture and writes it annotated.
func (d *demo) show(ctx context.Context, one sample) (err error) {
	result, err := d.classify(ctx, one)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.cfg.Log, "\n%s: %d objects\n", one.name, len(result.Boxes))
	table := tabwriter.NewWriter(d.cfg.Log, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  #\tlabel\tscore\tbox")
	annotations := make([]vision.Annotation, len(result.Boxes))
	for i, box := range result.Boxes {
		fmt.Fprintf(table, "  %d\t%s\t%.2f\t%.0f,%.0f – %.0f,%.0f\n", i+1, box.Label, box.Score,
			box.Box.TopX, box.Box.TopY, box.Box.BottomX, box.Box.BottomY)
		annotations[i] = vision.Annotation{Rect: vision.Rect(box.Box), Label: box.Label, Color: color.RGBA{0xB7, 0x79, 0x1F, 255}}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(d.cfg.Output, "annotated-"+one.name))
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	fmt.Fprintf(d.cfg.Log, "  annotated picture: %s\n", path)
	return vision.Annotate(file, one.pixels, annotations)
}
