// Package ui is the console's kit: one layout, small components, one style
// sheet, icons, messages in English and French, and the assets' addresses.
// It holds no page and knows no service; internal/console and each service's
// pages package bring a Bundle of templates, messages and scripts.
//
//	Bundle{templates, messages, assets} ─► New ─► Kit.Render(page)      a whole page
//	                                           ├► Kit.Fragment(block)   a part, for htmx
//	                                           └► Kit.AssetHandler()    immutable files
//
// Every page works without script. Markup carries neither inline script nor
// inline style, so that the content security policy can refuse both.
package ui
