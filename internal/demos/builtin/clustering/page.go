package clustering

import "html/template"

// clustersPage shows the clusters to whoever unpacks the archive.
const clustersPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Clusters</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1d1d1f; background: #fff }
section { border-top: 1px solid #ccc; padding: 1rem 0 }
section > img { width: 128px; height: 128px; float: left; margin: 0 1rem 1rem 0 }
figure { display: inline-block; margin: 0 .5rem .5rem 0 }
figure img { width: 64px; height: 64px }
figcaption { font-size: .75rem; max-width: 132px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
h2 { font-size: 1.125rem; margin: 0 }
</style>
</head>
<body>
<h1>{{len .}} clusters</h1>
<p>Each picture is shown as it is, and as the prototype of its cluster makes it.</p>
{{range .}}<section>
<img src="{{.Prototype}}" alt="Prototype {{.Number}}">
<h2>Cluster {{.Number}}</h2>
<p>{{len .Pictures}} pictures</p>
{{range .Pictures}}<figure><img src="{{.Raw}}" alt="" loading="lazy"><img src="{{.Transformed}}" alt="" loading="lazy"><figcaption title="{{.Path}}">{{.Path}}</figcaption></figure>
{{end}}</section>
{{end}}</body>
</html>
`

// shownCluster and shownPicture are what the page shows.
type (
	shownCluster struct {
		Number    int
		Prototype string
		Pictures  []shownPicture
	}
	shownPicture struct{ Path, Raw, Transformed string }
)

// page writes clusters.html.
func (a *archiver) page(members [][]int) error {
	page, err := template.New("clusters").Parse(clustersPage)
	if err != nil {
		return err
	}
	var clusters []shownCluster
	for k, list := range members {
		shown := shownCluster{Number: k, Prototype: a.prototypeName(k)}
		for _, i := range list {
			shown.Pictures = append(shown.Pictures, shownPicture{a.set.paths[i], a.pictureName(k, i, "raw"), a.pictureName(k, i, "tsf")})
		}
		clusters = append(clusters, shown)
	}
	out, err := a.zip.Create("clusters.html")
	if err != nil {
		return err
	}
	return page.Execute(out, clusters)
}
