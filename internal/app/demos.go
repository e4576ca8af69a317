package app

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"granary/apps"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/demos/discover"
	demopages "granary/internal/demos/pages"
	"granary/internal/platform/config"
	"granary/internal/platform/fetch"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/web"
	"granary/internal/platform/worker"
)

// runs reports whether a service is configured.
func (c *Core) runs(service string) bool { return slices.Contains(c.Config.Services, service) }

// gallicaPause is what the largest digital library of the field asks for.
const gallicaPause = 12 * time.Second

// openDemos puts the demos service together.
func (c *Core) openDemos() error {
	cfg := c.Config.Demos
	installed, err := demos.LoadApps(apps.Files, cfg.AppsFolder, cfg.Apps)
	if err != nil {
		return err
	}
	policy, err := fetchPolicy(cfg.Fetch.PublicOnly, cfg.Fetch.Except)
	if err != nil {
		return fmt.Errorf("demos.fetch.except: %w", err)
	}
	library, err := dataset.Open(dataset.Config{
		Folder: cfg.Folder, Threads: cfg.Fetch.Threads, IIIFMaxSide: cfg.Fetch.MaxSide, IIIFMinSide: cfg.Fetch.MinSide,
		Fetch: fetch.New(fetch.Config{
			Timeout: cfg.Fetch.Timeout, Attempts: cfg.Fetch.Attempts, Policy: policy, UserAgent: "Mozilla/5.0 (compatible; Granary)",
			Pace:     fetch.Pace{Every: cfg.Fetch.Pause, Connections: cfg.Fetch.Connections},
			HostPace: map[string]fetch.Pace{"gallica.bnf.fr": {Every: gallicaPause, Connections: 1}},
		}),
	})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, library.Close)
	workers, err := worker.New(worker.Config{Temp: filepath.Join(cfg.Folder, "tmp", "workers"), Workers: cfg.Workers, Log: c.Log})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, workers.Close)
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	callbacks, err := fetchPolicy(cfg.Callbacks.PublicOnly, cfg.Fetch.Except)
	if err != nil {
		return fmt.Errorf("demos.fetch.except: %w", err)
	}
	c.Outbox = outbox.New(c.DB, outbox.Config{
		Policy:          callbacks,
		ResponseTimeout: cfg.Callbacks.Timeout, GiveUp: cfg.Callbacks.GiveUp, WarnBody: int(cfg.Callbacks.MaxBytes),
		Secret: []byte(cfg.Callbacks.Secret), Log: c.Log,
	})
	c.Demos, err = demos.New(demos.Deps{
		DB: c.DB, Blobs: c.Blobs, Outbox: c.Outbox, Journal: c.Journal, Workers: workers, Library: library, Log: c.Log,
	}, installed, demos.Config{
		Folder: cfg.Folder, PublicURL: cfg.PublicURL, Grace: cfg.Callbacks.Grace, MaxCallback: int(cfg.Callbacks.MaxBytes),
		Compat: demos.Compat{
			PlainResults: cfg.Compat.ResultsURL == "g2", NoAnnotations: !cfg.Compat.InlineAnnotations, OlderVectorization: cfg.Compat.OlderVectorization,
		},
		Retention: cfg.Retention, Program: program, Gate: c.gate(), Inherit: cfg.Inherit, Environment: workerEnvironment(cfg),
	})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, c.Demos.Close)
	return nil
}

// workerEnvironment is what every worker gets besides the basic variables.
func workerEnvironment(cfg config.Demos) []string {
	pairs := slices.Clone(cfg.Environment)
	if cfg.HuggingFaceToken != "" {
		pairs = append(pairs, "HUGGING_FACE_HUB_TOKEN="+cfg.HuggingFaceToken)
	}
	return pairs
}

func fetchPolicy(publicOnly bool, except []string) (fetch.Policy, error) {
	policy := fetch.Policy{PublicOnly: publicOnly}
	for _, text := range except {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return policy, err
		}
		policy.Except = append(policy.Except, prefix)
	}
	return policy, nil
}

// discoverDoor is the door of the demos' front ends.
func (c *Core) discoverDoor() web.Entry {
	cfg := c.Config.Demos
	door := discover.New(c.Demos, discover.Config{
		MaxBody: int64(cfg.MaxBody), Token: cfg.Token, AccelPrefix: cfg.Accel, Accelerate: c.Demos.Accelerate,
	})
	return web.Entry{Door: door, MaxBody: int64(cfg.MaxBody), LoosePaths: true}
}

// demoPages are the demos' part of the console.
func (c *Core) demoPages() *demopages.Section {
	return demopages.New(demopages.Config{Service: c.Demos, Jobs: c.Jobs, Journal: c.Journal, Callbacks: c.Outbox, Gate: c.Vision.Gate()})
}

// startDemos begins to deliver callbacks.
func (c *Core) startDemos(ctx context.Context) error {
	if c.Outbox == nil {
		return nil
	}
	return c.Outbox.Start(ctx)
}

// stopDemos ends deliveries; what is left leaves after the next start.
func (c *Core) stopDemos() {
	if c.Outbox != nil {
		c.Outbox.Stop()
	}
}
