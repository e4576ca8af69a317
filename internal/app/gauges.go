package app

import (
	"context"
	"errors"

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
