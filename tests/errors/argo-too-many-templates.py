from metaflow import FlowSpec, environment, step


class Demo(FlowSpec):
    @environment(vars={"STEP": "start"})
    @step
    def start(self):
        self.next(self.s1)

    @environment(vars={"STEP": "s1"})
    @step
    def s1(self):
        self.next(self.s2)

    @environment(vars={"STEP": "s2"})
    @step
    def s2(self):
        self.next(self.s3)

    @environment(vars={"STEP": "s3"})
    @step
    def s3(self):
        self.next(self.s4)

    @environment(vars={"STEP": "s4"})
    @step
    def s4(self):
        self.next(self.s5)

    @environment(vars={"STEP": "s5"})
    @step
    def s5(self):
        self.next(self.s6)

    @environment(vars={"STEP": "s6"})
    @step
    def s6(self):
        self.next(self.s7)

    @environment(vars={"STEP": "s7"})
    @step
    def s7(self):
        self.next(self.s8)

    @environment(vars={"STEP": "s8"})
    @step
    def s8(self):
        self.next(self.s9)

    @environment(vars={"STEP": "s9"})
    @step
    def s9(self):
        self.next(self.s10)

    @environment(vars={"STEP": "s10"})
    @step
    def s10(self):
        self.next(self.s11)

    @environment(vars={"STEP": "s11"})
    @step
    def s11(self):
        self.next(self.s12)

    @environment(vars={"STEP": "s12"})
    @step
    def s12(self):
        self.next(self.s13)

    @environment(vars={"STEP": "s13"})
    @step
    def s13(self):
        self.next(self.s14)

    @environment(vars={"STEP": "s14"})
    @step
    def s14(self):
        self.next(self.s15)

    @environment(vars={"STEP": "s15"})
    @step
    def s15(self):
        self.next(self.s16)

    @environment(vars={"STEP": "s16"})
    @step
    def s16(self):
        self.next(self.s17)

    @environment(vars={"STEP": "s17"})
    @step
    def s17(self):
        self.next(self.s18)

    @environment(vars={"STEP": "s18"})
    @step
    def s18(self):
        self.next(self.s19)

    @environment(vars={"STEP": "s19"})
    @step
    def s19(self):
        self.next(self.s20)

    @environment(vars={"STEP": "s20"})
    @step
    def s20(self):
        self.next(self.s21)

    @environment(vars={"STEP": "s21"})
    @step
    def s21(self):
        self.next(self.s22)

    @environment(vars={"STEP": "s22"})
    @step
    def s22(self):
        self.next(self.s23)

    @environment(vars={"STEP": "s23"})
    @step
    def s23(self):
        self.next(self.s24)

    @environment(vars={"STEP": "s24"})
    @step
    def s24(self):
        self.next(self.s25)

    @environment(vars={"STEP": "s25"})
    @step
    def s25(self):
        self.next(self.s26)

    @environment(vars={"STEP": "s26"})
    @step
    def s26(self):
        self.next(self.s27)

    @environment(vars={"STEP": "s27"})
    @step
    def s27(self):
        self.next(self.s28)

    @environment(vars={"STEP": "s28"})
    @step
    def s28(self):
        self.next(self.s29)

    @environment(vars={"STEP": "s29"})
    @step
    def s29(self):
        self.next(self.s30)

    @environment(vars={"STEP": "s30"})
    @step
    def s30(self):
        self.next(self.s31)

    @environment(vars={"STEP": "s31"})
    @step
    def s31(self):
        self.next(self.s32)

    @environment(vars={"STEP": "s32"})
    @step
    def s32(self):
        self.next(self.s33)

    @environment(vars={"STEP": "s33"})
    @step
    def s33(self):
        self.next(self.s34)

    @environment(vars={"STEP": "s34"})
    @step
    def s34(self):
        self.next(self.s35)

    @environment(vars={"STEP": "s35"})
    @step
    def s35(self):
        self.next(self.s36)

    @environment(vars={"STEP": "s36"})
    @step
    def s36(self):
        self.next(self.s37)

    @environment(vars={"STEP": "s37"})
    @step
    def s37(self):
        self.next(self.s38)

    @environment(vars={"STEP": "s38"})
    @step
    def s38(self):
        self.next(self.s39)

    @environment(vars={"STEP": "s39"})
    @step
    def s39(self):
        self.next(self.s40)

    @environment(vars={"STEP": "s40"})
    @step
    def s40(self):
        self.next(self.s41)

    @environment(vars={"STEP": "s41"})
    @step
    def s41(self):
        self.next(self.s42)

    @environment(vars={"STEP": "s42"})
    @step
    def s42(self):
        self.next(self.s43)

    @environment(vars={"STEP": "s43"})
    @step
    def s43(self):
        self.next(self.s44)

    @environment(vars={"STEP": "s44"})
    @step
    def s44(self):
        self.next(self.s45)

    @environment(vars={"STEP": "s45"})
    @step
    def s45(self):
        self.next(self.s46)

    @environment(vars={"STEP": "s46"})
    @step
    def s46(self):
        self.next(self.s47)

    @environment(vars={"STEP": "s47"})
    @step
    def s47(self):
        self.next(self.s48)

    @environment(vars={"STEP": "s48"})
    @step
    def s48(self):
        self.next(self.s49)

    @environment(vars={"STEP": "s49"})
    @step
    def s49(self):
        self.next(self.s50)

    @environment(vars={"STEP": "s50"})
    @step
    def s50(self):
        self.next(self.s51)

    @environment(vars={"STEP": "s51"})
    @step
    def s51(self):
        self.next(self.s52)

    @environment(vars={"STEP": "s52"})
    @step
    def s52(self):
        self.next(self.s53)

    @environment(vars={"STEP": "s53"})
    @step
    def s53(self):
        self.next(self.s54)

    @environment(vars={"STEP": "s54"})
    @step
    def s54(self):
        self.next(self.s55)

    @environment(vars={"STEP": "s55"})
    @step
    def s55(self):
        self.next(self.s56)

    @environment(vars={"STEP": "s56"})
    @step
    def s56(self):
        self.next(self.s57)

    @environment(vars={"STEP": "s57"})
    @step
    def s57(self):
        self.next(self.s58)

    @environment(vars={"STEP": "s58"})
    @step
    def s58(self):
        self.next(self.s59)

    @environment(vars={"STEP": "s59"})
    @step
    def s59(self):
        self.next(self.s60)

    @environment(vars={"STEP": "s60"})
    @step
    def s60(self):
        self.next(self.s61)

    @environment(vars={"STEP": "s61"})
    @step
    def s61(self):
        self.next(self.s62)

    @environment(vars={"STEP": "s62"})
    @step
    def s62(self):
        self.next(self.s63)

    @environment(vars={"STEP": "s63"})
    @step
    def s63(self):
        self.next(self.s64)

    @environment(vars={"STEP": "s64"})
    @step
    def s64(self):
        self.next(self.s65)

    @environment(vars={"STEP": "s65"})
    @step
    def s65(self):
        self.next(self.s66)

    @environment(vars={"STEP": "s66"})
    @step
    def s66(self):
        self.next(self.s67)

    @environment(vars={"STEP": "s67"})
    @step
    def s67(self):
        self.next(self.s68)

    @environment(vars={"STEP": "s68"})
    @step
    def s68(self):
        self.next(self.s69)

    @environment(vars={"STEP": "s69"})
    @step
    def s69(self):
        self.next(self.s70)

    @environment(vars={"STEP": "s70"})
    @step
    def s70(self):
        self.next(self.s71)

    @environment(vars={"STEP": "s71"})
    @step
    def s71(self):
        self.next(self.s72)

    @environment(vars={"STEP": "s72"})
    @step
    def s72(self):
        self.next(self.s73)

    @environment(vars={"STEP": "s73"})
    @step
    def s73(self):
        self.next(self.s74)

    @environment(vars={"STEP": "s74"})
    @step
    def s74(self):
        self.next(self.s75)

    @environment(vars={"STEP": "s75"})
    @step
    def s75(self):
        self.next(self.s76)

    @environment(vars={"STEP": "s76"})
    @step
    def s76(self):
        self.next(self.s77)

    @environment(vars={"STEP": "s77"})
    @step
    def s77(self):
        self.next(self.s78)

    @environment(vars={"STEP": "s78"})
    @step
    def s78(self):
        self.next(self.s79)

    @environment(vars={"STEP": "s79"})
    @step
    def s79(self):
        self.next(self.s80)

    @environment(vars={"STEP": "s80"})
    @step
    def s80(self):
        self.next(self.s81)

    @environment(vars={"STEP": "s81"})
    @step
    def s81(self):
        self.next(self.s82)

    @environment(vars={"STEP": "s82"})
    @step
    def s82(self):
        self.next(self.s83)

    @environment(vars={"STEP": "s83"})
    @step
    def s83(self):
        self.next(self.s84)

    @environment(vars={"STEP": "s84"})
    @step
    def s84(self):
        self.next(self.s85)

    @environment(vars={"STEP": "s85"})
    @step
    def s85(self):
        self.next(self.s86)

    @environment(vars={"STEP": "s86"})
    @step
    def s86(self):
        self.next(self.s87)

    @environment(vars={"STEP": "s87"})
    @step
    def s87(self):
        self.next(self.s88)

    @environment(vars={"STEP": "s88"})
    @step
    def s88(self):
        self.next(self.s89)

    @environment(vars={"STEP": "s89"})
    @step
    def s89(self):
        self.next(self.s90)

    @environment(vars={"STEP": "s90"})
    @step
    def s90(self):
        self.next(self.s91)

    @environment(vars={"STEP": "s91"})
    @step
    def s91(self):
        self.next(self.s92)

    @environment(vars={"STEP": "s92"})
    @step
    def s92(self):
        self.next(self.s93)

    @environment(vars={"STEP": "s93"})
    @step
    def s93(self):
        self.next(self.s94)

    @environment(vars={"STEP": "s94"})
    @step
    def s94(self):
        self.next(self.s95)

    @environment(vars={"STEP": "s95"})
    @step
    def s95(self):
        self.next(self.s96)

    @environment(vars={"STEP": "s96"})
    @step
    def s96(self):
        self.next(self.s97)

    @environment(vars={"STEP": "s97"})
    @step
    def s97(self):
        self.next(self.s98)

    @environment(vars={"STEP": "s98"})
    @step
    def s98(self):
        self.next(self.s99)

    @environment(vars={"STEP": "s99"})
    @step
    def s99(self):
        self.next(self.s100)

    @environment(vars={"STEP": "s100"})
    @step
    def s100(self):
        self.next(self.s101)

    @environment(vars={"STEP": "s101"})
    @step
    def s101(self):
        self.next(self.s102)

    @environment(vars={"STEP": "s102"})
    @step
    def s102(self):
        self.next(self.s103)

    @environment(vars={"STEP": "s103"})
    @step
    def s103(self):
        self.next(self.s104)

    @environment(vars={"STEP": "s104"})
    @step
    def s104(self):
        self.next(self.s105)

    @environment(vars={"STEP": "s105"})
    @step
    def s105(self):
        self.next(self.s106)

    @environment(vars={"STEP": "s106"})
    @step
    def s106(self):
        self.next(self.s107)

    @environment(vars={"STEP": "s107"})
    @step
    def s107(self):
        self.next(self.s108)

    @environment(vars={"STEP": "s108"})
    @step
    def s108(self):
        self.next(self.s109)

    @environment(vars={"STEP": "s109"})
    @step
    def s109(self):
        self.next(self.s110)

    @environment(vars={"STEP": "s110"})
    @step
    def s110(self):
        self.next(self.s111)

    @environment(vars={"STEP": "s111"})
    @step
    def s111(self):
        self.next(self.s112)

    @environment(vars={"STEP": "s112"})
    @step
    def s112(self):
        self.next(self.s113)

    @environment(vars={"STEP": "s113"})
    @step
    def s113(self):
        self.next(self.s114)

    @environment(vars={"STEP": "s114"})
    @step
    def s114(self):
        self.next(self.s115)

    @environment(vars={"STEP": "s115"})
    @step
    def s115(self):
        self.next(self.s116)

    @environment(vars={"STEP": "s116"})
    @step
    def s116(self):
        self.next(self.s117)

    @environment(vars={"STEP": "s117"})
    @step
    def s117(self):
        self.next(self.s118)

    @environment(vars={"STEP": "s118"})
    @step
    def s118(self):
        self.next(self.s119)

    @environment(vars={"STEP": "s119"})
    @step
    def s119(self):
        self.next(self.s120)

    @environment(vars={"STEP": "s120"})
    @step
    def s120(self):
        self.next(self.s121)

    @environment(vars={"STEP": "s121"})
    @step
    def s121(self):
        self.next(self.s122)

    @environment(vars={"STEP": "s122"})
    @step
    def s122(self):
        self.next(self.s123)

    @environment(vars={"STEP": "s123"})
    @step
    def s123(self):
        self.next(self.s124)

    @environment(vars={"STEP": "s124"})
    @step
    def s124(self):
        self.next(self.s125)

    @environment(vars={"STEP": "s125"})
    @step
    def s125(self):
        self.next(self.s126)

    @environment(vars={"STEP": "s126"})
    @step
    def s126(self):
        self.next(self.s127)

    @environment(vars={"STEP": "s127"})
    @step
    def s127(self):
        self.next(self.s128)

    @environment(vars={"STEP": "s128"})
    @step
    def s128(self):
        self.next(self.s129)

    @environment(vars={"STEP": "s129"})
    @step
    def s129(self):
        self.next(self.s130)

    @environment(vars={"STEP": "s130"})
    @step
    def s130(self):
        self.next(self.s131)

    @environment(vars={"STEP": "s131"})
    @step
    def s131(self):
        self.next(self.s132)

    @environment(vars={"STEP": "s132"})
    @step
    def s132(self):
        self.next(self.s133)

    @environment(vars={"STEP": "s133"})
    @step
    def s133(self):
        self.next(self.s134)

    @environment(vars={"STEP": "s134"})
    @step
    def s134(self):
        self.next(self.s135)

    @environment(vars={"STEP": "s135"})
    @step
    def s135(self):
        self.next(self.s136)

    @environment(vars={"STEP": "s136"})
    @step
    def s136(self):
        self.next(self.s137)

    @environment(vars={"STEP": "s137"})
    @step
    def s137(self):
        self.next(self.s138)

    @environment(vars={"STEP": "s138"})
    @step
    def s138(self):
        self.next(self.s139)

    @environment(vars={"STEP": "s139"})
    @step
    def s139(self):
        self.next(self.s140)

    @environment(vars={"STEP": "s140"})
    @step
    def s140(self):
        self.next(self.s141)

    @environment(vars={"STEP": "s141"})
    @step
    def s141(self):
        self.next(self.s142)

    @environment(vars={"STEP": "s142"})
    @step
    def s142(self):
        self.next(self.s143)

    @environment(vars={"STEP": "s143"})
    @step
    def s143(self):
        self.next(self.s144)

    @environment(vars={"STEP": "s144"})
    @step
    def s144(self):
        self.next(self.s145)

    @environment(vars={"STEP": "s145"})
    @step
    def s145(self):
        self.next(self.s146)

    @environment(vars={"STEP": "s146"})
    @step
    def s146(self):
        self.next(self.s147)

    @environment(vars={"STEP": "s147"})
    @step
    def s147(self):
        self.next(self.s148)

    @environment(vars={"STEP": "s148"})
    @step
    def s148(self):
        self.next(self.s149)

    @environment(vars={"STEP": "s149"})
    @step
    def s149(self):
        self.next(self.s150)

    @environment(vars={"STEP": "s150"})
    @step
    def s150(self):
        self.next(self.s151)

    @environment(vars={"STEP": "s151"})
    @step
    def s151(self):
        self.next(self.s152)

    @environment(vars={"STEP": "s152"})
    @step
    def s152(self):
        self.next(self.s153)

    @environment(vars={"STEP": "s153"})
    @step
    def s153(self):
        self.next(self.s154)

    @environment(vars={"STEP": "s154"})
    @step
    def s154(self):
        self.next(self.s155)

    @environment(vars={"STEP": "s155"})
    @step
    def s155(self):
        self.next(self.s156)

    @environment(vars={"STEP": "s156"})
    @step
    def s156(self):
        self.next(self.s157)

    @environment(vars={"STEP": "s157"})
    @step
    def s157(self):
        self.next(self.s158)

    @environment(vars={"STEP": "s158"})
    @step
    def s158(self):
        self.next(self.s159)

    @environment(vars={"STEP": "s159"})
    @step
    def s159(self):
        self.next(self.s160)

    @environment(vars={"STEP": "s160"})
    @step
    def s160(self):
        self.next(self.s161)

    @environment(vars={"STEP": "s161"})
    @step
    def s161(self):
        self.next(self.s162)

    @environment(vars={"STEP": "s162"})
    @step
    def s162(self):
        self.next(self.s163)

    @environment(vars={"STEP": "s163"})
    @step
    def s163(self):
        self.next(self.s164)

    @environment(vars={"STEP": "s164"})
    @step
    def s164(self):
        self.next(self.s165)

    @environment(vars={"STEP": "s165"})
    @step
    def s165(self):
        self.next(self.s166)

    @environment(vars={"STEP": "s166"})
    @step
    def s166(self):
        self.next(self.s167)

    @environment(vars={"STEP": "s167"})
    @step
    def s167(self):
        self.next(self.s168)

    @environment(vars={"STEP": "s168"})
    @step
    def s168(self):
        self.next(self.s169)

    @environment(vars={"STEP": "s169"})
    @step
    def s169(self):
        self.next(self.s170)

    @environment(vars={"STEP": "s170"})
    @step
    def s170(self):
        self.next(self.s171)

    @environment(vars={"STEP": "s171"})
    @step
    def s171(self):
        self.next(self.s172)

    @environment(vars={"STEP": "s172"})
    @step
    def s172(self):
        self.next(self.s173)

    @environment(vars={"STEP": "s173"})
    @step
    def s173(self):
        self.next(self.s174)

    @environment(vars={"STEP": "s174"})
    @step
    def s174(self):
        self.next(self.s175)

    @environment(vars={"STEP": "s175"})
    @step
    def s175(self):
        self.next(self.s176)

    @environment(vars={"STEP": "s176"})
    @step
    def s176(self):
        self.next(self.s177)

    @environment(vars={"STEP": "s177"})
    @step
    def s177(self):
        self.next(self.s178)

    @environment(vars={"STEP": "s178"})
    @step
    def s178(self):
        self.next(self.s179)

    @environment(vars={"STEP": "s179"})
    @step
    def s179(self):
        self.next(self.s180)

    @environment(vars={"STEP": "s180"})
    @step
    def s180(self):
        self.next(self.s181)

    @environment(vars={"STEP": "s181"})
    @step
    def s181(self):
        self.next(self.s182)

    @environment(vars={"STEP": "s182"})
    @step
    def s182(self):
        self.next(self.s183)

    @environment(vars={"STEP": "s183"})
    @step
    def s183(self):
        self.next(self.s184)

    @environment(vars={"STEP": "s184"})
    @step
    def s184(self):
        self.next(self.s185)

    @environment(vars={"STEP": "s185"})
    @step
    def s185(self):
        self.next(self.s186)

    @environment(vars={"STEP": "s186"})
    @step
    def s186(self):
        self.next(self.s187)

    @environment(vars={"STEP": "s187"})
    @step
    def s187(self):
        self.next(self.s188)

    @environment(vars={"STEP": "s188"})
    @step
    def s188(self):
        self.next(self.s189)

    @environment(vars={"STEP": "s189"})
    @step
    def s189(self):
        self.next(self.s190)

    @environment(vars={"STEP": "s190"})
    @step
    def s190(self):
        self.next(self.s191)

    @environment(vars={"STEP": "s191"})
    @step
    def s191(self):
        self.next(self.s192)

    @environment(vars={"STEP": "s192"})
    @step
    def s192(self):
        self.next(self.s193)

    @environment(vars={"STEP": "s193"})
    @step
    def s193(self):
        self.next(self.s194)

    @environment(vars={"STEP": "s194"})
    @step
    def s194(self):
        self.next(self.s195)

    @environment(vars={"STEP": "s195"})
    @step
    def s195(self):
        self.next(self.s196)

    @environment(vars={"STEP": "s196"})
    @step
    def s196(self):
        self.next(self.s197)

    @environment(vars={"STEP": "s197"})
    @step
    def s197(self):
        self.next(self.s198)

    @environment(vars={"STEP": "s198"})
    @step
    def s198(self):
        self.next(self.s199)

    @environment(vars={"STEP": "s199"})
    @step
    def s199(self):
        self.next(self.end)

    @environment(vars={"STEP": "end"})
    @step
    def end(self):
        pass
