// Package sample draws the pictures that newcomers try the apps on, and packs
// them as the documents that the apps read. Every call draws the same ones.
//
//	Alike     ornaments with turned, cut and aged copies of each  ─► similarity, search
//	Drawings  diagrams in ink                                     ─► vectorization
//	Pages     printed pages with figures                          ─► regions
//	Shapes    small signs of a few kinds, each written anew       ─► clustering
package sample
