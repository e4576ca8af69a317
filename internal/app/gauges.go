package app

import (
	"context"
	"errors"

	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/telemetry"
)

// addGauges lets the metrics read what the queue and the blob store hold.
func (c *Core) addGauges(metrics *telemetry.Metrics) error {
	return errors.Join(
		metrics.AddJobs(c.JobMetrics),
		metrics.Samples(telemetry.SampleSet{
			Name: "granary_jobs", Help: "Jobs by queue and state.", Labels: []string{"queue", "state"}, Read: c.jobSamples,
		}),
		metrics.Samples(telemetry.SampleSet{
			Name: "granary_blob_objects", Help: "Objects in the blob store by state.", Labels: []string{"state"},
			Read: func(ctx context.Context) ([]telemetry.Sample, error) {
				objects, _, err := c.blobSamples(ctx)
				return objects, err
			},
		}),
		metrics.Samples(telemetry.SampleSet{
			Name: "granary_blob_bytes", Help: "Bytes in the blob store by state.", Labels: []string{"state"},
			Read: func(ctx context.Context) ([]telemetry.Sample, error) {
				_, bytes, err := c.blobSamples(ctx)
				return bytes, err
			},
		}),
		c.addOutbox(metrics),
	)
}

// addOutbox adds the counters of deliveries and what waits for one.
func (c *Core) addOutbox(metrics *telemetry.Metrics) error {
	if c.Outbox == nil {
		return nil
	}
	read := func(value func(outbox.Waiting) float64) func(context.Context) ([]telemetry.Sample, error) {
		return func(ctx context.Context) ([]telemetry.Sample, error) {
			waiting, err := c.Outbox.Waiting(ctx)
			return []telemetry.Sample{{Value: value(waiting)}}, err
		}
	}
	return errors.Join(
		metrics.Add(c.Outbox.Collectors()...),
		metrics.Samples(telemetry.SampleSet{
			Name: "granary_outbox_waiting", Help: "Callbacks that have yet to be delivered.",
			Read: read(func(w outbox.Waiting) float64 { return float64(w.Messages) }),
		}),
		metrics.Samples(telemetry.SampleSet{
			Name: "granary_outbox_oldest_seconds", Help: "For how long the oldest callback that waits has been due.",
			Read: read(func(w outbox.Waiting) float64 { return w.Oldest.Seconds() }),
		}),
	)
}

func (c *Core) jobSamples(ctx context.Context) ([]telemetry.Sample, error) {
	depths, err := c.Jobs.Stats(ctx)
	samples := make([]telemetry.Sample, len(depths))
	for i, d := range depths {
		samples[i] = telemetry.Sample{Labels: []string{d.Queue, string(d.State)}, Value: float64(d.Count)}
	}
	return samples, err
}

func (c *Core) blobSamples(ctx context.Context) (objects, bytes []telemetry.Sample, err error) {
	usage, err := c.Blobs.Usage(ctx)
	for _, u := range usage {
		labels := []string{string(u.State)}
		objects = append(objects, telemetry.Sample{Labels: labels, Value: float64(u.Objects)})
		bytes = append(bytes, telemetry.Sample{Labels: labels, Value: float64(u.Bytes)})
	}
	return objects, bytes, err
}
