package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// classifying measures /inf with an instant model on a deployment with one
// folder and on one with many, in turns, so that a busy machine hurts both.
func (b *bench) classifying(ctx context.Context) (section Section, err error) {
	section = Section{Title: "/inf, instant endpoint, 640×560 PNG, three boxes"}
	file, err := encodePNG(scene(640, 560, 2))
	if err != nil {
		return section, err
	}
	var runs []*classifyRun
	for _, d := range []deployment{b.small, b.large} {
		server, err := d.start(ctx)
		if err != nil {
			return section, err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		body, err := classifyBody(d.user, "General", PipelineName, file, 640, 560)
		if err != nil {
			return section, err
		}
		run := &classifyRun{server: server, body: body}
		if _, _, err := run.single(ctx, b, 5); err != nil { // opens the pipeline and connections
			return section, err
		}
		runs = append(runs, run)
	}
	for range b.rounds {
		for _, run := range runs {
			if err := run.round(ctx, b); err != nil {
				return section, err
			}
		}
	}
	one, many := runs[0], runs[1]
	section.add("picture file", "KB", float64(len(file))/1e3)
	section.add("own time p50, 1 client, 1 folder", "ms", one.own50...).atMost(10)
	section.add("own time p99, 1 client, 1 folder", "ms", one.own99...)
	section.add("whole time p50, 1 client, 1 folder", "ms", one.whole50...)
	section.add("inside the endpoint p50", "ms", one.inside...)
	section.add("server's processor time a request", "ms", one.cpu...)
	section.add("1 client, 1 folder", "requests/s", one.rate1...)
	section.add("8 clients, 1 folder", "requests/s", one.rate8...).atLeast(100)
	section.add("whole time p50, 8 clients, 1 folder", "ms", one.p50at8...)
	section.add("whole time p99, 8 clients, 1 folder", "ms", one.p99at8...)
	section.add("own time p50, 1 client, 1,000 folders", "ms", many.own50...).atMost(10)
	section.add("8 clients, 1,000 folders", "requests/s", many.rate8...).atLeast(100)
	ratios := make([]float64, b.rounds)
	for i := range ratios {
		ratios[i] = many.own50[i] / one.own50[i]
	}
	section.add("own time with 1,000 folders / with 1", "ratio", ratios...)
	return section, nil
}

// classifyRun collects the rounds against one server.
type classifyRun struct {
	server *server
	body   []byte

	own50, own99, whole50, inside, cpu, rate1, rate8, p50at8, p99at8 []float64
}

// single sends count requests one after the other; own is each one's time
// less that in which the endpoint was busy.
func (r *classifyRun) single(ctx context.Context, b *bench, count int) (own, whole []time.Duration, err error) {
	b.endpoint.busy()
	for range count {
		_, took, err := b.client.post(ctx, r.server.URL+"/inf", r.body)
		if err != nil {
			return nil, nil, fmt.Errorf("classify: %w", err)
		}
		own, whole = append(own, took-b.endpoint.busy()), append(whole, took)
	}
	return own, whole, nil
}

func (r *classifyRun) round(ctx context.Context, b *bench) error {
	began, err := processorTime(r.server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	own, whole, err := r.single(ctx, b, b.requests)
	if err != nil {
		return err
	}
	ended, err := processorTime(r.server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	var sum, inside time.Duration
	for i := range whole {
		sum += whole[i]
		inside += whole[i] - own[i]
	}
	n := float64(len(whole))
	r.own50 = append(r.own50, quantile(milliseconds(own), 0.5))
	r.own99 = append(r.own99, quantile(milliseconds(own), 0.99))
	r.whole50 = append(r.whole50, quantile(milliseconds(whole), 0.5))
	r.inside = append(r.inside, inside.Seconds()*1e3/n)
	r.cpu = append(r.cpu, (ended-began).Seconds()*1e3/n)
	r.rate1 = append(r.rate1, n/sum.Seconds())
	took, all, err := b.client.repeat(ctx, r.server.URL+"/inf", r.body, 8, 2*b.requests)
	if err != nil {
		return fmt.Errorf("classify from 8 clients: %w", err)
	}
	b.endpoint.busy()
	r.rate8 = append(r.rate8, float64(len(took))/all.Seconds())
	r.p50at8 = append(r.p50at8, quantile(milliseconds(took), 0.5))
	r.p99at8 = append(r.p99at8, quantile(milliseconds(took), 0.99))
	return nil
}
