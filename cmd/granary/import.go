package main

type importNachetCmd struct{}
