package layout
import ("testing";"granary/internal/demos/builtin/regions/layout/layouttest";"image/png";"os";"image/color";"image";"image/draw")
func TestZZ(t *testing.T){
 page,_:=layouttest.Draw(23,1600); page,_=page.Scan(layouttest.Usual(23))
 small,_:=shrunk(page.Gray); p:=findPaper(small)
 parts, runs := findParts(findInk(small,p), small.W, small.H); 
 a,_:=Analyse(t.Context(),page.Gray); t.Log(a.Figures)
	dots := crowded(parts, small.W, small.H)
	var others []part
	for i, p := range parts { if !dots[i] { others = append(others, p) } }
	s := sheet{w: small.W, h: small.H, scale: 1}
	s.height = characterHeight(others, s.w, s.h)
	s.skew = findSkew(others, s.height)
	level(parts, runs, s.skew)
	kinds := sortOut(parts, dots, s)
	findHatches(parts, kinds, s.height)
	findLines(parts, kinds, s.height)
	t.Log(s.height)
 cols:=[]color.RGBA{{150,150,150,255},{0,0,0,255},{0,0,255,255},{0,160,0,255},{255,0,0,255},{200,0,200,255},{255,160,0,255}}
 img:=image.NewRGBA(image.Rect(0,0,small.W,small.H)); draw.Draw(img,img.Rect,image.White,image.Point{},draw.Src)
 for _,r:=range runs { for x:=r.x0;x<r.x1;x++ { img.Set(int(x),int(r.y),cols[kinds[r.label]]) } }
 f,_:=os.Create("/tmp/r/p23.png"); png.Encode(f,img.SubImage(image.Rect(600,50,1152,500))); f.Close()
}
